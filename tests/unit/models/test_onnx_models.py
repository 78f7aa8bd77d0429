"""Models exported by name into the models folder, and served from there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from services.segmenter.backends import load_backend
from synres.domain.choice import BackendChoice
from synres.errors import BackendUnavailable, InvalidInput
from synres.microworld.datasets import real_validation
from synres.models.folders import register_folder
from synres.models.onnx_models import export_model
from tests.tiny_models import write_clipseg
from tests.unit.models.res_parity import FIXTURES

IMAGE = next(real_validation(3, 1)).image


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder."""
    monkeypatch.setenv("SYNRES_MODELS_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


def test_micro_is_exported_and_served(models: Path) -> None:
    """Nothing has to be pulled for it; the masks are those of the backend in torch."""
    folder = export_model("micro", "micro-onnx")
    assert (folder.backend, folder.licence, set(folder.files)) == ("onnx", "Apache-2.0", {"micro.onnx"})
    ours = load_backend(BackendChoice("onnx", "micro-onnx")).segment(IMAGE, ["the red circle"])
    theirs = load_backend(BackendChoice("micro")).segment(IMAGE, ["the red circle"])
    assert (ours[0].mask != theirs[0].mask).mean() < 0.01


def test_clipseg_keeps_its_licence(models: Path) -> None:
    """Two graphs, tokenizer and picture processor: everything that serving needs."""
    register_folder(write_clipseg(models / "tiny"), "tiny", "clipseg", "LicenseRef-Tiny")
    folder = export_model("tiny", "tiny-onnx")
    assert folder.licence == "LicenseRef-Tiny"
    assert {"image.onnx", "masks.onnx", "preprocessor_config.json"} <= set(folder.files)


def test_a_lisa_gives_its_mask_decoder(models: Path) -> None:
    """Which is a part of a segmenter and no segmenter: the backend says so."""
    for name, backend in (("lisa_merged_hf", "lisa"), ("tiny_clip", "clip")):
        shutil.copytree(FIXTURES / "lisa" / name, models / name)
        register_folder(models / name, name, backend, "Apache-2.0")
    _say_what_no_file_says(models / "lisa_merged_hf")
    folder = export_model("lisa_merged_hf", "decoder")
    assert set(folder.files) == {"mask_decoder.onnx"}
    with pytest.raises(BackendUnavailable, match="no exported segmenter"):
        load_backend(BackendChoice("onnx", "decoder"))


def _say_what_no_file_says(folder: Path) -> None:
    path = folder / "config.json"
    towers = {"vision_tower": "tiny_clip", "mm_vision_tower": "tiny_clip"}
    config = json.loads(path.read_text()) | {"sam_decoder_heads": 4} | towers
    path.write_text(json.dumps(config))
    register_folder(folder, folder.name, "lisa", "Apache-2.0")


def test_a_taken_name_and_another_kind_are_refused(models: Path) -> None:
    """And leave nothing behind."""
    export_model("micro", "taken")
    with pytest.raises(InvalidInput, match="there is a model taken already"):
        export_model("micro", "taken")
    (models / "sana").mkdir()
    (models / "sana" / "weights.bin").write_bytes(b"0")
    register_folder(models / "sana", "sana", "sana", "MIT")
    with pytest.raises(InvalidInput, match="backend sana cannot be exported"):
        export_model("sana", "sana-onnx")
    assert sorted(path.name for path in models.iterdir()) == ["sana", "taken"]


def test_pictures_come_out_alike_after_a_copy(models: Path) -> None:
    """An exported model is a folder like any other: its digest is that of its files."""
    first, second = export_model("micro", "a"), export_model("micro", "b")
    assert first.digest == second.digest
    assert np.array_equal(
        *(load_backend(BackendChoice("onnx", name)).segment(IMAGE, ["star"])[0].mask for name in "ab")
    )
