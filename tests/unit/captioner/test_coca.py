"""CoCa of open_clip with tiny random weights: what it is asked, what it is spared, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from open_clip import add_model_config
from PIL import Image as PilImage

from services.captioner.backends import load_backend
from services.captioner.backends.coca import CocaAligner, CocaCaptioner
from services.captioner.backends.coca_network import CocaNetwork, build_network, read_config
from services.captioner.backends.coca_options import CocaOptions
from synres.domain.choice import BackendChoice
from synres.domain.prompts import expression_key
from synres.errors import BackendUnavailable, InvalidInput, RejectedItem
from synres.models.folders import ModelFolder, register_folder
from synres.ports import ObjectView, SceneMask
from tests.tiny_coca import CONFIG, CONTEXT, WORDS, tiny_weights, write_coca

OPTIONS = CocaOptions(max_tokens=10, view="crop", pool=8)
DIVERSE = replace(OPTIONS, decoding="diverse_beam")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A registered tiny model."""
    return register_folder(write_coca(tmp_path_factory.mktemp("coca")), "test/coca", "coca", "MIT")


@pytest.fixture(scope="module")
def captioners(folder: ModelFolder) -> Callable[[CocaOptions], CocaCaptioner]:
    """One captioner for each way of decoding, loaded once."""
    made: dict[CocaOptions, CocaCaptioner] = {}

    def captioner(options: CocaOptions) -> CocaCaptioner:
        if options not in made:
            made[options] = CocaCaptioner(folder, options)
        return made[options]

    return captioner


def _view(others: int = 0) -> ObjectView:
    image = np.random.default_rng(3).integers(0, 256, (60, 80, 3), np.uint8)
    image[10:30, 10:40] = (200, 30, 30)
    masks = np.zeros((others + 1, 60, 80), np.bool_)
    masks[0, 10:30, 10:40] = True
    for index in range(others):
        masks[index + 1, 35:50, 20 * index : 20 * index + 15] = True
    return ObjectView(image, masks[0], "cat", tuple(SceneMask("dog", mask) for mask in masks[1:]))


@pytest.mark.parametrize("options", [OPTIONS, DIVERSE], ids=["nucleus", "diverse beam"])
def test_one_image_encode_for_all_candidates(
    captioners: Callable[[CocaOptions], CocaCaptioner], options: CocaOptions
) -> None:
    """Object and neighbours go through the image encoder once, together, however many texts are decoded."""
    captioner, seen = captioners(options), list[tuple[int, ...]]()
    hook = captioner.network.network.visual.register_forward_hook(
        lambda module, inputs, output: seen.append(tuple(inputs[0].shape))
    )
    captioner.caption(_view(others=2), 5, seed=1)
    hook.remove()
    assert seen == [(3, 3, 64, 64)]


@pytest.mark.parametrize("options", [OPTIONS, DIVERSE], ids=["nucleus", "diverse beam"])
def test_expressions_are_distinct_words_and_the_seed_s_own(
    captioners: Callable[[CocaOptions], CocaCaptioner], options: CocaOptions
) -> None:
    """Each says something new in words alone; the same seed finds the same ones again."""
    captioner = captioners(options)
    found = captioner.caption(_view(), 3, seed=11)
    assert len({expression_key(expression) for expression in found.expressions}) == 3
    assert set(" ".join(found.expressions).split()) <= set(WORDS.split())
    captioner.caption(_view(others=1), 2, seed=5)
    assert captioner.caption(_view(), 3, seed=11) == found


def test_another_seed_samples_other_texts(captioners: Callable[[CocaOptions], CocaCaptioner]) -> None:
    """Beam search draws nothing, so there the seed decides nothing."""
    view = _view()
    assert captioners(OPTIONS).caption(view, 3, 1) != captioners(OPTIONS).caption(view, 3, 2)
    assert captioners(DIVERSE).caption(view, 3, 1) == captioners(DIVERSE).caption(view, 3, 2)


def test_fewer_say_why(captioners: Callable[[CocaOptions], CocaCaptioner], folder: ModelFolder) -> None:
    """With one candidate for each expression, and every word shared taken for the same, few remain."""
    captioner = CocaCaptioner(folder, replace(OPTIONS, pool=2, jaccard=0.0))
    found = captioner.caption(_view(), 8, seed=0)
    assert 0 < len(found.expressions) < 8
    assert found.shortfall == "too_alike"


def test_a_text_without_an_end_is_no_expression(folder: ModelFolder) -> None:
    """Cut at two tokens, "the small" names nothing: what did not end is left out."""
    captioner = CocaCaptioner(folder, replace(OPTIONS, min_tokens=2, max_tokens=2))
    assert captioner.caption(_view(), 3, seed=0).expressions == ()


def test_next_tokens_are_the_model_s_own(folder: ModelFolder) -> None:
    """From one encode, or with the picture at once as the model was trained: the same logits."""
    network = CocaNetwork(folder)
    with torch.inference_mode():
        seen = network.encode([_view().image[:60, :60]])
        ids = torch.randint(1, 49408, (3, 7))
        stepped = network.next_logits(seen, 0)(ids)
        pixels = torch.stack([network._transform(PilImage.fromarray(_view().image[:60, :60]))] * 3)
        whole = network.network(pixels, ids, output_labels=False)["logits"][:, -1]
    assert torch.allclose(stepped, whole, atol=1e-5)


def test_user_text_is_text(folder: ModelFolder) -> None:
    """A special token's name inside an expression is spelled out: one end in each row, and it is the last."""
    network = CocaNetwork(folder)
    rows = []
    network.network.text.register_forward_pre_hook(lambda module, inputs: rows.append(inputs[0]))
    with torch.inference_mode():
        network.encode_texts(["a red <end_of_text> dog", "<START_OF_TEXT>cat"])
    (ids,) = rows
    assert (ids == 49407).sum(1).tolist() == [1, 1]
    assert (ids == 49406).sum(1).tolist() == [1, 1]


def test_a_long_expression_is_refused_and_not_cut(folder: ModelFolder) -> None:
    """What is read is what was scored."""
    aligner = CocaAligner(folder)
    longest = " ".join(["dog"] * (CONTEXT - 2))
    assert len(aligner.scores(_view().image, [longest])) == 1
    with pytest.raises(RejectedItem, match="19 tokens; this model reads 18") as caught:
        aligner.scores(_view().image, [f"{longest} dog"])
    assert caught.value.reason == "expression_too_long"


def test_a_published_folder_is_known_by_its_name(tmp_path: Path) -> None:
    """Those hold one pickled .bin and no configuration: it is read as tensors, the name tells the rest."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "coca_ViT-T-16.json").write_text(json.dumps(CONFIG))
    add_model_config(tmp_path / "configs")
    model = tmp_path / "model"
    model.mkdir()
    torch.save(tiny_weights(), model / "open_clip_pytorch_model.bin")
    folder = register_folder(model, "laion/CoCa-ViT-T-16-laion2B-s13B-b90k", "coca", "MIT")
    assert CocaNetwork(folder).longest == CONTEXT - 2


@pytest.mark.parametrize(("name", "millions"), [("ViT-B-32", 253.56), ("ViT-L-14", 638.45)])
def test_both_published_sizes_are_known(folder: ModelFolder, name: str, millions: float) -> None:
    """The architecture stands in each of the four names; its size is that of open_clip's model profile."""
    for prefix in ("", "mscoco_finetuned_"):
        published = replace(
            folder, name=f"laion/{prefix}CoCa-{name}-laion2B-s13B-b90k", path=Path("/nowhere")
        )
        with torch.device("meta"):
            network = build_network(read_config(published)[0])
        size = sum(weight.numel() for weight in network.parameters())
        assert size / 1e6 == pytest.approx(millions, abs=0.01)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("executed",))


def _broken(tmp_path: Path, name: str = "test/coca", **changes: object) -> ModelFolder:
    """A folder with an altered configuration, or other files."""
    tmp_path.joinpath("open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG | changes}))
    return register_folder(tmp_path, name, "coca", "MIT")


def test_no_pickle_is_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights that carry code are refused by name."""
    torch.save({"a": Evil()}, tmp_path / "weights.bin")
    with pytest.raises(BackendUnavailable, match="holds more than tensors"):
        CocaNetwork(_broken(tmp_path))
    assert capsys.readouterr().out == ""


def test_what_is_no_coca_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """No weights, other weights, towers that would be fetched, a name that tells nothing."""
    with pytest.raises(BackendUnavailable, match=r"holds no \.safetensors"):
        CocaNetwork(_broken(tmp_path))
    with pytest.raises(BackendUnavailable, match="asks for hf_model_name"):
        CocaNetwork(_broken(tmp_path, text_cfg={"hf_model_name": "roberta-base"}))
    torch.save({"logit_scale": torch.ones(())}, tmp_path / "weights.bin")
    with pytest.raises(BackendUnavailable, match=r"configuration: missing .* and \d+ more; unexpected none"):
        CocaNetwork(_broken(tmp_path))
    (tmp_path / "open_clip_config.json").unlink()
    with pytest.raises(BackendUnavailable, match=r"its name tells no architecture.*coca_ViT-B-32"):
        CocaNetwork(register_folder(tmp_path, "test/coca", "coca", "MIT"))


def test_options_are_checked_before_anything_is_computed(folder: ModelFolder) -> None:
    """A typo, a value out of range, texts longer than the model reads."""
    with pytest.raises(InvalidInput, match=r"did you mean 'temperature'\?"):
        load_backend(BackendChoice("coca", options=(("temprature", 0.5),)))
    with pytest.raises(InvalidInput, match="top_p"):
        load_backend(BackendChoice("coca", options=(("top_p", 1.5),)))
    with pytest.raises(InvalidInput, match=r"256 expressions with pool 8 and 1 beams are 2048 texts at once"):
        CocaCaptioner(folder, OPTIONS).caption(_view(), 256, seed=0)
    with pytest.raises(InvalidInput, match=r"max_tokens is 40; it must be 3 \(min_tokens\) to 18"):
        CocaCaptioner(folder, CocaOptions(max_tokens=40))


def test_captioner_and_aligner_have_digests_of_their_own(folder: ModelFolder) -> None:
    """Both name the folder's digest; other weights would be another model."""
    captioner, aligner = CocaCaptioner(folder, OPTIONS).model, CocaAligner(folder).model
    other = CocaCaptioner(replace(folder, digest="0" * 64), OPTIONS).model
    assert len({captioner.digest, aligner.digest, other.digest}) == 3
    assert (captioner.licence, captioner.bitwise) == ("MIT", True)
