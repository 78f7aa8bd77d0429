"""LISA, GSVA and GLaMM through the real recipe, with tiny weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, save

from services.segmenter.backends import load_backend as load_segmenter
from services.trainer.backends import load_backend
from services.trainer.backends.res import ResBackend, ResTrainable, training_batch
from services.trainer.checkpoints import StepLog, load_checkpoint
from services.trainer.recipe import Report, run_training
from services.trainer.trainable import Batch
from synres.domain.choice import BackendChoice, Scalar
from synres.errors import ArtifactCorrupt, BackendUnavailable, InvalidInput
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.models.conversations import NOT_SUPERVISED
from synres.models.res_training import trained_names
from synres.ports import ShardRequest
from tests.fakes import MemoryStore
from tests.res_trainings import (
    CHOICES,
    EXPRESSION,
    GLAMM,
    GSVA,
    LISA,
    LISA_BASE,
    LISA_UNMERGED,
    choice_with,
    picture,
    train_request,
)
from tests.trainings import run_and_kill, silent

pytestmark = pytest.mark.usefixtures("res_models")


def _backend(choice: BackendChoice) -> ResBackend:
    backend = load_backend(choice)
    assert isinstance(backend, ResBackend)
    return backend


def _open(name: str, weights: bytes | None = None, **options: Scalar) -> ResTrainable:
    return _backend(choice_with(name, options)).open(weights, seed=1)


def _train(ledger: Ledger, choice: BackendChoice, request: ShardRequest) -> tuple[bytes, list[float]]:
    """The weights, and the losses of all steps."""
    outputs = run_training(ledger, load_backend(choice), request, silent).outputs
    log = ledger.get_rows(outputs["log"], StepLog)
    return ledger.get_blob(outputs["weights"]), [row.loss for row in log]


def _batch(seed: int = 0) -> Batch:
    image, mask = picture()
    return Batch(image[None], np.zeros(1, np.int64), (EXPRESSION,), mask[None], seed=seed)


@pytest.mark.parametrize("name", [LISA, GSVA, GLAMM])
def test_one_picture_is_learned_by_heart(ledger: Ledger, name: str) -> None:
    """From a published checkpoint, in seconds; the segmenter then answers and draws it, IoU over 0.95."""
    choice = CHOICES[name]
    weights, _ = _train(ledger, choice, train_request(ledger, choice, steps=120, checkpoint_every=1000))
    image, mask = picture()
    for segmenter in (load_segmenter(choice, weights), _backend(choice).segmenter(weights)):
        (found,) = segmenter.segment(image, [EXPRESSION])
        assert (found.mask & mask).sum() / (found.mask | mask).sum() > 0.95
    assert load_segmenter(choice).model.digest != load_segmenter(choice, weights).model.digest


@pytest.mark.parametrize("name", [LISA_BASE, LISA_UNMERGED])
def test_the_loss_falls_from_a_base_and_on_from_a_training(ledger: Ledger, name: str) -> None:
    """LLaVA with SAM, whose new parts are drawn; and adapters that go on as they are."""
    weights, losses = _train(ledger, CHOICES[name], train_request(ledger, CHOICES[name], steps=12))
    assert losses[-1] < 0.6 * losses[0]
    assert load_segmenter(CHOICES[name], weights).segment(picture()[0], [EXPRESSION])


def test_killed_and_resumed_the_weights_are_the_same(tmp_path: Path) -> None:
    """SIGKILL for the real process behind its third step; what goes on from its checkpoint ends as ever."""
    choice = CHOICES[LISA]
    undisturbed, killed = Ledger(MemoryStore()), Ledger(FileStore(tmp_path / "store"))
    expected, _ = _train(undisturbed, choice, train_request(undisturbed, choice, steps=12))
    request = train_request(killed, choice, steps=12)
    run_and_kill(killed, request, after_lines=3)
    found = load_checkpoint(killed, request.action)
    assert found is not None and found.step == 2
    assert _train(killed, choice, request)[0] == expected


@pytest.mark.parametrize("name", [LISA_BASE, GSVA, GLAMM])
def test_interrupted_and_resumed_the_weights_are_the_same(ledger: Ledger, name: str) -> None:
    """Bit for bit, with dropout and drawn wordings; the checkpoint holds trained parts only."""
    choice = CHOICES[name]
    expected, _ = _train(ledger, choice, train_request(ledger, choice, steps=4))
    other = Ledger(MemoryStore())
    request = train_request(other, choice, steps=4)
    with pytest.raises(KeyboardInterrupt):
        run_training(other, load_backend(choice), request, _interrupt_at(3))
    found = load_checkpoint(other, request.action)
    assert found is not None and found.step == 2
    kept = {tensor.partition(".")[2] for tensor in found.tensors if tensor.startswith("weights.")}
    assert kept == set(trained_names(_open(name).module))
    assert _train(other, choice, request)[0] == expected


def _interrupt_at(step: int) -> Report:
    def report(done: int, **facts: float | str) -> None:
        if done == step:
            raise KeyboardInterrupt

    return report


def test_only_what_is_trained_moves_and_is_left(ledger: Ledger) -> None:
    """Frozen parts stay as they were; the artifact has the trained ones by published names, nothing else."""
    trainable = _open(LISA)
    before = {name: tensor.clone() for name, tensor in trainable.module.state_dict().items()}
    optimizer = torch.optim.AdamW([p for p in trainable.module.parameters() if p.requires_grad], lr=1e-2)
    for seed in range(2):
        optimizer.zero_grad()
        trainable.loss(_batch(seed)).backward()
        optimizer.step()
    after = trainable.module.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved <= set(trained_names(trainable.module))
    assert any("lora_A" in name for name in moved) and "text_fcs.0.weight" in moved
    names = set(load(trainable.weights()))
    assert "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight" in names
    assert len(names) == len(trained_names(trainable.module))


def test_the_artifact_tells_nothing_but_tensors(tmp_path: Path) -> None:
    """No metadata that could differ between equal weights."""
    (tmp_path / "w.safetensors").write_bytes(_open(LISA).weights())
    with safe_open(tmp_path / "w.safetensors", framework="pt") as opened:
        assert opened.metadata() is None


def test_another_alpha_changes_nothing_for_who_opens_the_weights() -> None:
    """Adapters are written for the originals' alpha: a training with 32 reads back its own, bit for bit."""
    trainable = _open(LISA, lora_alpha=32.0)
    query = trainable.module.llava.llm.model.layers[0].self_attn.q_proj
    torch.nn.init.normal_(query.lora_B.weight)
    weights = trainable.weights()
    again = _open(LISA, weights, lora_alpha=32.0)
    assert again.weights() == weights
    assert torch.equal(
        again.module.llava.llm.model.layers[0].self_attn.q_proj.lora_B.weight, query.lora_B.weight
    )
    merged = _backend(CHOICES[LISA]).segmenter(weights).network.llava.llm.model.layers[0].self_attn.q_proj
    assert torch.allclose(merged.weight, query.merged().weight, atol=1e-6)


def test_weights_of_another_model_are_refused() -> None:
    """In one sentence: another family's, some that lack a part, and bytes of something else."""
    weights = _open(LISA).weights()
    lacking = load(weights)
    del lacking["base_model.model.lm_head.weight"]
    wrong = {GLAMM: weights, LISA: save(lacking), LISA_BASE: b"no safetensors"}
    for name, data in wrong.items():
        with pytest.raises(ArtifactCorrupt, match="trained weights"):
            load_segmenter(CHOICES[name], data)


def test_adapters_go_on_as_they_are_or_not_at_all() -> None:
    """Another rank than that of the weights or of the checkpoint would have to begin anew."""
    weights = _open(LISA, lora_rank=4).weights()
    with pytest.raises(InvalidInput, match="have lora_rank 4 and lora_targets q_proj,v_proj: give these"):
        _open(LISA, weights)
    with pytest.raises(InvalidInput, match=r"have lora_rank 8 .* to train tiny/lisa-unmerged"):
        _open(LISA_UNMERGED, lora_rank=16)


def test_a_base_draws_no_masks_before_training() -> None:
    """It tells its model to a run that will have weights; asked for a mask, it says what to do."""
    assert load_segmenter(CHOICES[LISA_BASE]).model.name == "tiny/lisa-base"
    with pytest.raises(BackendUnavailable, match="train an arm from it and give that arm's weights"):
        load_segmenter(CHOICES[LISA_BASE]).segment(picture()[0], [EXPRESSION])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": "fp16"}, "fp16 gradients vanish"),
        ({"lora_targets": "q_proj,v_prjo"}, "names 'v_prjo'; did you mean 'v_proj'"),
        ({"lora_ranks": 8}, "no option 'lora_ranks'; did you mean 'lora_rank'"),
        ({"lora_rank": 0}, "an option of backend lisa: .*>= 1"),
    ],
)
def test_options_that_no_training_can_have_are_told_at_once(options: dict[str, Scalar], said: str) -> None:
    """Before any weights are read: a run is refused when it is planned."""
    with pytest.raises(InvalidInput, match=said):
        load_backend(choice_with(LISA, options))


def test_scratch_is_no_start() -> None:
    """Nobody trains seven billion weights on some thousand pictures."""
    with pytest.raises(InvalidInput, match="say start: base"):
        _backend(CHOICES[LISA]).scratch(0)


def test_new_parts_hang_on_the_seed_alone() -> None:
    """Equal seeds, equal adapters and networks, whatever was drawn before."""
    first, again = (_backend(CHOICES[LISA_BASE]).open(None, 5).weights() for _ in range(2))
    assert first == again != _backend(CHOICES[LISA_BASE]).open(None, 6).weights()


def test_half_precision_keeps_what_is_trained_whole() -> None:
    """Frozen parts are bfloat16, trained ones float32, and the loss is near that of full precision."""
    half, full = _open(LISA, precision="bf16", lora_dropout=0.0), _open(LISA, lora_dropout=0.0)
    kinds = {(p.requires_grad, p.dtype) for p in half.module.parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}
    assert torch.equal(half.module.text_fcs[0].weight, full.module.text_fcs[0].weight)
    losses = [trainable.loss(_batch()) for trainable in (half, full)]
    losses[0].backward()
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=0.05)
    query = half.module.llava.llm.model.layers[0].self_attn.q_proj
    assert query.lora_B.weight.grad.isfinite().all() and query.lora_B.weight.grad.abs().max() > 0


def test_activation_checkpointing_changes_no_gradient() -> None:
    """Dropout included: what is computed twice is the same twice."""
    gradients = []
    for is_on in (False, True):
        trainable = _open(LISA, activation_checkpointing=is_on)
        trainable.module.train()
        torch.manual_seed(3)
        trainable.loss(_batch()).backward()
        gradients.append([p.grad for p in trainable.module.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def _training_ids(name: str, batch: Batch) -> torch.Tensor:
    trainable = _open(name)
    return training_batch(trainable.module, trainable._tokens, trainable._words, batch).input_ids


def test_wordings_are_drawn_from_the_seed_of_the_batch() -> None:
    """The same again for the same step, another one for some other step."""
    drawn = [_training_ids(LISA, _batch(seed)).tolist() for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1] and any(ids != drawn[0] for ids in drawn[2:])


def test_pictures_without_expressions_are_left_out() -> None:
    """Those that have some keep their own, each with its mask."""
    image, mask = picture()
    batch = Batch(
        np.stack([image, image[::-1]]), np.array([1, 1]), (EXPRESSION, "a square"), np.stack([mask, mask])
    )
    for name, rows in ((LISA, 2), (GSVA, 1), (GLAMM, 1)):
        trainable = _open(name)
        made = training_batch(trainable.module, trainable._tokens, trainable._words, batch)
        assert (len(made.sam_pixels), len(made.input_ids), list(made.offset)) == (1, rows, [0, rows])
        assert [tuple(masks.shape) for masks in made.masks] == [(2, 128, 128)]


def test_gsva_learns_to_reject() -> None:
    """An expression without a target is answered by [REJ], and the loss is finite."""
    image, mask = picture()
    empty = np.zeros_like(mask)
    batch = Batch(image[None], np.array([0, 0]), (EXPRESSION, "a tree"), np.stack([mask, empty]))
    trainable = _open(GSVA)
    made = training_batch(trainable.module, trainable._tokens, trainable._words, batch)
    answered = made.labels[made.labels != NOT_SUPERVISED]
    sizes = trainable.module.sizes
    assert [i for i in answered.tolist() if i in (sizes.seg_id, sizes.rej_id)] == [sizes.seg_id, sizes.rej_id]
    assert trainable.loss(batch).isfinite()


def test_an_expression_too_long_to_be_answered_is_named() -> None:
    """A cut answer would teach the model nothing, in silence."""
    with pytest.raises(InvalidInput, match="the conversation is cut"):
        _open(LISA).loss(replace(_batch(), expressions=("dog " * 3000,)))
