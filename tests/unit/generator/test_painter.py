"""One painter for SANA, Sprint and others: seeds, limits, samplers, shortage."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, DiffusionPipeline, SanaPipeline

from services.generator.painter import Painter
from services.generator.painter_load import load_painter
from services.generator.painter_options import DrawOptions
from synres.errors import BackendUnavailable, InvalidInput, Overloaded, RejectedItem
from tests.tiny_sana import SIDE, write_sana, write_sprint

QUICK = DrawOptions(steps=2, complex_human_instruction=False, max_sequence_length=32)
PROMPTS = ["the red cup", "a small dog", "two cars"]
SEEDS = [7, 2**63 - 1, 7]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny SANA."""
    return write_sana(tmp_path_factory.mktemp("sana"))


@pytest.fixture(scope="module")
def sana(folder: Path) -> Painter:
    """The tiny SANA, loaded."""
    return load_painter(folder, "fp32")


@pytest.fixture(scope="module")
def sprint(tmp_path_factory: pytest.TempPathFactory) -> Painter:
    """A tiny SANA-Sprint, loaded."""
    return load_painter(write_sprint(tmp_path_factory.mktemp("sprint")), "fp32")


@pytest.fixture(params=["sana", "sprint"])
def painter(request: pytest.FixtureRequest) -> Painter:
    """Both pipelines."""
    found: Painter = request.getfixturevalue(request.param)
    return found


def _one(painter: Painter, prompt: str, seed: int, options: DrawOptions = QUICK) -> np.ndarray[Any, Any]:
    return painter.draw([prompt], [seed], options)[0].image


def test_a_picture_does_not_depend_on_its_company(painter: Painter) -> None:
    """Alone or in a batch of other prompts and seeds: the same within one of 255 steps."""
    together = painter.draw(PROMPTS, SEEDS, QUICK)
    for drawn, prompt, seed in zip(together, PROMPTS, SEEDS, strict=True):
        assert drawn.image.shape == (SIDE, SIDE, 3)
        assert np.abs(drawn.image.astype(int) - _one(painter, prompt, seed)).max() <= 1


def test_seed_and_prompt_both_matter(painter: Painter) -> None:
    """Another seed, another picture; another prompt, another picture; the same again, the same bytes."""
    first = _one(painter, "the red cup", 7)
    assert np.array_equal(first, _one(painter, "the red cup", 7))
    assert not np.array_equal(first, _one(painter, "the red cup", 8))
    assert not np.array_equal(first, _one(painter, "a small dog", 7))


def test_a_folder_loaded_again_draws_the_same(sana: Painter, folder: Path) -> None:
    """What lies on disk decides, byte for byte; and it is what the pipeline itself draws."""
    again = load_painter(folder, "fp32")
    assert np.array_equal(_one(sana, "the red cup", 5), _one(again, "the red cup", 5))
    pipeline = DiffusionPipeline.from_pretrained(str(folder), local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    plain = pipeline(
        "the red cup", num_inference_steps=2, height=SIDE, width=SIDE, use_resolution_binning=False,
        complex_human_instruction=None, max_sequence_length=32, generator=torch.Generator().manual_seed(5),
    )  # fmt: skip
    assert np.array_equal(np.asarray(plain.images[0]), _one(sana, "the red cup", 5))


@pytest.mark.parametrize(
    "change",
    [{"steps": 3}, {"guidance": 9.0}, {"scheduler": "flow_euler"}, {"complex_human_instruction": True},
     {"negative_prompt": "blue"}, {"height": 96}],
)  # fmt: skip
def test_every_option_reaches_the_picture(sana: Painter, change: dict[str, Any]) -> None:
    """An option that changed nothing would be a lie in the record."""
    options = DrawOptions(**{**QUICK.draw_options(), **change})
    assert not np.array_equal(_one(sana, "the red cup", 7, options), _one(sana, "the red cup", 7))


def test_the_stored_sampler_by_its_name_draws_the_same(sana: Painter) -> None:
    """The tiny SANA is stored with flow_dpm, and the other sampler leaves no trace in the next picture."""
    default = _one(sana, "the red cup", 7)
    _one(sana, "the red cup", 7, DrawOptions(**{**QUICK.draw_options(), "scheduler": "flow_euler"}))
    named = DrawOptions(**{**QUICK.draw_options(), "scheduler": "flow_dpm"})
    assert np.array_equal(_one(sana, "the red cup", 7, named), default)


def test_sprint_draws_in_other_numbers_of_steps(sprint: Painter) -> None:
    """Its middle timestep is for two steps only."""
    one, two = (DrawOptions(**{**QUICK.draw_options(), "steps": steps}) for steps in (1, 2))
    assert not np.array_equal(_one(sprint, "the red cup", 7, one), _one(sprint, "the red cup", 7, two))


@pytest.mark.parametrize(
    ("options", "message"),
    [(DrawOptions(negative_prompt="blue"), "SanaSprintPipeline has no negative_prompt"),
     (DrawOptions(scheduler="flow_euler"), "SCMScheduler: use default")],
)  # fmt: skip
def test_what_a_pipeline_does_not_take_is_refused(
    sprint: Painter, options: DrawOptions, message: str
) -> None:
    """Nothing asked for is left undone in silence."""
    with pytest.raises(InvalidInput, match=message):
        sprint.check_options(options)


@pytest.mark.parametrize("instruction", [False, True])
def test_a_prompt_at_the_limit_is_read_whole_and_one_token_more_is_refused(
    sana: Painter, folder: Path, instruction: bool
) -> None:
    """The count is the pipeline's own: the last token still changes the picture, the next is not cut."""
    options = DrawOptions(steps=1, max_sequence_length=16, complex_human_instruction=instruction)
    longest = "x" * (16 - (2 if instruction else 1))
    assert not np.array_equal(_one(sana, longest, 7, options), _one(sana, longest[:-1] + "q", 7, options))
    with pytest.raises(RejectedItem, match=r"take fewer expressions") as caught:
        sana.draw([longest + "q"], [7], options)
    assert caught.value.reason == "prompt_too_long"
    used, room = (int(word) for word in caught.value.message.split() if word.isdecimal())
    assert used == room + 1


def test_a_negative_prompt_over_the_limit_is_refused(sana: Painter) -> None:
    """It would be cut as silently; it is the spec's fault, and no item's."""
    with pytest.raises(InvalidInput, match="negative_prompt has 41 tokens"):
        sana.draw(["cup"], [1], DrawOptions(negative_prompt="x" * 40, max_sequence_length=32))


def test_a_gpu_without_room_is_told_in_one_sentence(folder: Path) -> None:
    """Also where the autoencoder runs short, which the pipeline itself catches, and then fails otherwise."""
    pipeline = DiffusionPipeline.from_pretrained(str(folder), local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)

    def short(*args: object, **kwargs: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    pipeline.vae.decode = short
    with pytest.raises(Overloaded, match="1 of 64 x 64 pixels at once; lower batch_size") as caught:
        Painter(pipeline).draw(["cup"], [1], QUICK)
    assert caught.value.retry_after_s > 0


def test_flow_samplers_are_for_flow_models(folder: Path) -> None:
    """A model that predicts noise would draw noise with them."""
    pipeline = DiffusionPipeline.from_pretrained(str(folder), local_files_only=True)
    pipeline.scheduler = DDPMScheduler()
    with pytest.raises(InvalidInput, match="DDPMScheduler: use default"):
        Painter(pipeline).check_options(DrawOptions(scheduler="flow_dpm"))


class CheckedPipeline(SanaPipeline):
    """A pipeline with a safety checker of its own, as Stable Diffusion has."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        output = super().__call__(*args, **kwargs)
        output.nsfw_content_detected = [False, True]
        return output


CheckedPipeline.__call__.__signature__ = inspect.signature(SanaPipeline.__call__)  # type: ignore[attr-defined]


def test_what_a_pipeline_blackens_is_a_refusal(folder: Path) -> None:
    """Its own safety checker returns black pictures without an error."""
    pipeline = CheckedPipeline(**DiffusionPipeline.from_pretrained(str(folder)).components)
    pipeline.set_progress_bar_config(disable=True)
    first, second = Painter(pipeline).draw(PROMPTS[:2], SEEDS[:2], QUICK)
    assert first.refusal == ""
    assert "safety checker" in second.refusal


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: next(folder.glob(name)).unlink()


@pytest.mark.parametrize("name", ["model_index.json", "vae/*.safetensors", "transformer/config.json"])
def test_a_folder_that_lacks_a_file_is_no_pipeline(tmp_path: Path, name: str) -> None:
    """One sentence with the folder in it."""
    _without(name)(write_sana(tmp_path / "broken"))
    with pytest.raises(BackendUnavailable, match="broken holds no pipeline that diffusers can load"):
        load_painter(tmp_path / "broken", "fp32")


def test_half_precision_stops_at_the_transformer(folder: Path) -> None:
    """SANA's text encoder and autoencoder overflow in fp16."""
    from services.generator.painter_load import _read

    pipeline = _read(folder, "fp16")
    assert pipeline.transformer.dtype == torch.float16
    assert {pipeline.vae.dtype, pipeline.text_encoder.dtype} == {torch.bfloat16}
    assert _read(folder, "bf16").transformer.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("given", "message"),
    [({"height": 100}, "height 100 is no multiple of 32; take 96"), ({"width": 0}, "take 32"),
     ({"height": 8192, "width": 4096}, "at most 4096 x 4096"), ({"steps": 0}, "steps 0 is out of range"),
     ({"guidance": -1.0}, "guidance"), ({"scheduler": "ddim"}, "there is default, flow_dpm, flow_euler")],
)  # fmt: skip
def test_options_out_of_range_are_refused(given: dict[str, Any], message: str) -> None:
    """Before any model is loaded."""
    with pytest.raises(InvalidInput, match=message):
        DrawOptions(**given)


def test_a_gpu_that_is_not_there_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for, and never silently replaced by the CPU; this needs a machine without one."""
    monkeypatch.setenv("SYNRES_DEVICE", "cuda")
    with pytest.raises(BackendUnavailable, match="SYNRES_DEVICE=cpu"):
        load_painter(folder, "fp32")
