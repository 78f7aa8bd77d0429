"""Segmenters loaded by name from model folders, as a spec or a call names them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.segmenter.backends import load_backend
from synres.domain.choice import BackendChoice
from synres.errors import BackendUnavailable, InvalidInput
from synres.models.folders import register_folder
from synres.models.onnx_export import export_micro
from tests.tiny_models import write_clipseg, write_sam3

IMAGE = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tiny models, registered."""
    folder = tmp_path_factory.mktemp("models")
    for name, backend, write in (("clipseg", "clipseg", write_clipseg), ("sam3", "sam3", write_sam3)):
        register_folder(write(folder / f"tiny--{name}"), f"tiny/{name}", backend, "MIT")
    export_micro(folder / "micro-onnx")
    register_folder(folder / "micro-onnx", "micro-onnx", "onnx", "Apache-2.0")
    return folder


@pytest.fixture(autouse=True)
def _use(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNRES_MODELS_DIR", str(models_dir))


@pytest.mark.parametrize(
    ("backend", "model"), [("clipseg", "tiny/clipseg"), ("sam3", "tiny/sam3"), ("onnx", "micro-onnx")]
)
def test_a_segmenter_by_name(backend: str, model: str) -> None:
    """One mask of the picture's size for each expression; the digest names the folder's files."""
    segmenter = load_backend(BackendChoice(backend, model))
    found = segmenter.segment(IMAGE, ["the red dog", "a bike"])
    assert [guess.mask.shape for guess in found] == [(80, 120)] * 2
    assert (segmenter.model.name, len(segmenter.model.digest)) == (model, 64)
    assert segmenter.model.licence in {"MIT", "Apache-2.0"}
    assert not segmenter.model.bitwise


def test_options_reach_the_model() -> None:
    """A threshold of 0 takes every pixel, one of 1 takes none."""
    choices = [BackendChoice("clipseg", "tiny/clipseg", (("threshold", value),)) for value in (0.0, 1.0)]
    all_of_it, none_of_it = (load_backend(choice).segment(IMAGE, ["a dog"])[0].mask for choice in choices)
    assert all_of_it.all()
    assert not none_of_it.any()


def test_a_mistyped_option_names_the_right_one() -> None:
    """Before anything is loaded."""
    with pytest.raises(InvalidInput, match=r"no option 'treshold'.*threshold"):
        load_backend(BackendChoice("clipseg", "tiny/clipseg", (("treshold", 0.5),)))


@pytest.mark.parametrize("backend", ["clipseg", "sam3"])
def test_a_model_that_is_not_there_says_how_to_get_it(backend: str) -> None:
    """The default model, too: nothing is downloaded behind anyone's back."""
    with pytest.raises(BackendUnavailable, match=r"run `synres models pull \w+/[\w-]+`"):
        load_backend(BackendChoice(backend))


def test_onnx_asks_for_its_model() -> None:
    """There is no default export; and a folder of something else is not taken for one."""
    with pytest.raises(InvalidInput, match="export-onnx"):
        load_backend(BackendChoice("onnx"))
    with pytest.raises(BackendUnavailable, match="no exported segmenter"):
        load_backend(BackendChoice("onnx", "tiny/clipseg"))


def test_a_gpu_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for, and never silently replaced by the CPU; this needs a machine without one."""
    monkeypatch.setenv("SYNRES_DEVICE", "cuda")
    for backend, model in (("clipseg", "tiny/clipseg"), ("onnx", "micro-onnx")):
        with pytest.raises(BackendUnavailable, match="SYNRES_DEVICE=cpu"):
            load_backend(BackendChoice(backend, model))


def test_trained_weights_go_where_they_can() -> None:
    """A run that names them for a backend without training learns it at once."""
    with pytest.raises(InvalidInput, match="takes no trained weights"):
        load_backend(BackendChoice("clipseg", "tiny/clipseg"), b"weights")
