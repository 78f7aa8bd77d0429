"""LISA beside the original's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from synres.errors import InvalidInput
from synres.models.lisa import LisaModel
from synres.models.llava import split_prefix
from synres.models.lora import LoraSizes, merge_lora
from synres.models.res_answers import forced_vectors, generate
from synres.models.res_load import load_published, published_shapes, published_tensors
from synres.models.res_training import train_only_its_parts
from tests.unit.models.res_parity import (
    Fixture,
    evaluate_differences,
    far,
    training_differences,
    validate_differences,
)

LISA = Fixture("lisa")
CONFIG = "lisa_merged_hf/config"
MERGED = "lisa_merged_hf/pytorch_model.bin"
UNMERGED = "lisa_unmerged_peft/pytorch_model.bin"


@pytest.fixture(scope="module")
def merged() -> LisaModel:
    return load_published(LisaModel, LISA.sizes(CONFIG), LISA.weights(MERGED), LISA.clip).eval()


@pytest.fixture
def unmerged() -> LisaModel:
    return load_published(LisaModel, LISA.sizes(CONFIG), LISA.weights(UNMERGED)).train()


def test_teacher_forced_masks_are_the_originals(merged: LisaModel) -> None:
    """Vectors, low-resolution logits and masks, read whole and behind a shared prefix."""
    assert validate_differences(merged, LISA) == []


def test_generated_answers_are_the_originals(merged: LisaModel) -> None:
    """With a cache, and one, no and two [SEG]: the same ids, vectors and masks."""
    assert evaluate_differences(merged, LISA) == []


def test_training_step_is_the_originals(unmerged: LisaModel) -> None:
    """Activations, the four losses and every gradient's norm, with adapters beside their weights."""
    assert training_differences(unmerged, LISA) == []


def test_what_is_trained_is_what_the_original_trains(unmerged: LisaModel) -> None:
    """Adapters, vocabulary, mask decoder and the network between language and masks."""
    trained = {f"base_model.model.{unmerged.published_name(n)}" for n in train_only_its_parts(unmerged)}
    assert trained == set(LISA.facts["trainable_parameters"])


def test_merging_adapters_gives_the_merged_checkpoint(unmerged: LisaModel, merged: LisaModel) -> None:
    """W + scale x B A, for all but the rows of the head that the fixture changed on purpose."""
    merge_lora(unmerged)
    ours, theirs = published_tensors(unmerged), published_tensors(merged)
    assert ours.keys() == theirs.keys()
    found = [line for n, t in ours.items() if n != "lm_head.weight" for line in far(n, t, theirs[n], 1e-6)]
    assert found == []


def test_answers_in_a_batch_are_those_given_alone(merged: LisaModel) -> None:
    """Rows of several lengths behind one prefix, ending at different steps."""
    cases, tensors = LISA.json("evaluate"), LISA.tensors("evaluate")
    rows = [tensors[f"{case['name']}.input_ids"] for case in cases[:2]]
    encoding = LISA.encoding(merged, 0)
    head, tails = split_prefix(rows)
    prefix = merged.read_prefix(encoding, head)
    together = generate(merged, prefix, tails, 8)
    for tail, ours in zip(tails, together, strict=True):
        alone = generate(merged, prefix, [tail], 8)[0]
        assert ours.ids == alone.ids
        assert far("vectors", ours.vectors, alone.vectors, 5e-5) == []


def test_unknown_words_are_not_looked_back_at(merged: LisaModel) -> None:
    """The originals mask <unk>, whose id is padding's; rows behind a prefix and whole rows agree on it."""
    ids = LISA.tensors("validate")["three_expressions.input_ids"][0]
    ids = ids[ids != 0].index_fill(0, torch.tensor([50]), 0)
    encoding = LISA.encoding(merged, 0)
    states = merged.states(ids[None], ids[None] != 0, encoding.patches[None])
    whole = merged.seg_vectors(states, merged.predicted(ids[None]))[0]
    head, tails = split_prefix([ids])
    behind = forced_vectors(merged, merged.read_prefix(encoding, head), tails)[0]
    assert len(whole) == 1
    assert far("vectors", behind, whole, 5e-5) == []


def test_one_encode_of_a_picture_serves_all_its_expressions(merged: LisaModel) -> None:
    """SAM's encoder and CLIP run once however many rows are read and masks drawn."""
    calls: list[str] = []
    hooks = [
        part.register_forward_hook(lambda *_, name=name: calls.append(name))
        for name, part in (("sam", merged.sam.vision_encoder), ("clip", merged.clip))
    ]
    validate_differences(merged, LISA)
    for hook in hooks:
        hook.remove()
    assert sorted(calls) == ["clip", "sam"]


def test_names_are_those_of_the_published_checkpoints(merged: LisaModel) -> None:
    """Every tensor on the meta device has its published name and shape, adapters included."""
    sizes = LISA.sizes(CONFIG)
    with torch.device("meta"):
        model = LisaModel(sizes)
    published = {n: tuple(t.shape) for n, t in LISA.weights(UNMERGED).items() if "inv_freq" not in n}
    assert {f"base_model.model.{n}": s for n, s in published_shapes(model).items()} == published


def test_a_model_from_sizes_alone_trains(merged: LisaModel) -> None:
    """Without a checkpoint: random weights, finite losses, gradients where they belong."""
    sizes = LISA.sizes(CONFIG)
    model = LisaModel(sizes)
    train_only_its_parts(model)
    facts = LISA.json("train_mixed")
    model(LISA.batch(LISA.tensors("train_mixed"), facts["samples"])).total.backward()
    moved = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(moved) == len(facts["grad_norms"])
    assert all(bool(g.isfinite().all()) for g in moved)


def test_nothing_stays_on_the_meta_device(merged: LisaModel) -> None:
    """A loaded model is whole: parameters and the buffers that no checkpoint holds."""
    everything: list[torch.Tensor | nn.Parameter] = [*merged.parameters(), *merged.buffers()]
    assert not any(tensor.is_meta for tensor in everything)


def test_rank_of_adapters_is_read_from_their_shapes(unmerged: LisaModel) -> None:
    """A rank that was forgotten would drop the adapters in silence."""
    assert unmerged.sizes.lora == LoraSizes(rank=8, alpha=16, dropout=0.0, targets=("q_proj", "v_proj"))


def test_a_conversation_without_its_picture_is_refused(merged: LisaModel) -> None:
    """Or with two: positions behind it would be guesses."""
    patches = LISA.encoding(merged, 0).patches[None]
    for ids in ([[1, 5, 6]], [[1, -200, -200]]):
        with pytest.raises(InvalidInput, match="exactly one <image>"):
            merged.llava.embed(torch.tensor(ids), patches)


def test_a_picture_is_encoded_as_its_pixels_are(merged: LisaModel) -> None:
    """`encode_image` on a picture of odd sides: masks of its own size, alike from kept tensors."""
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    encoding = merged.encode_image(image)
    assert (encoding.original, encoding.resized) == ((37, 53), (89, 128))
    vectors = torch.zeros((2, 32))
    logits = merged.decode_masks(encoding, vectors)
    assert logits.shape == (2, 37, 53)
    kept = merged.sized(image, *merged.encode_pixels(image))
    assert torch.equal(merged.decode_masks(kept, vectors), logits)
