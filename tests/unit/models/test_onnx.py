"""Exported graphs in ONNX Runtime against the networks in torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from synres.domain.types import ModelInfo
from synres.errors import BackendUnavailable, RejectedItem
from synres.microworld.datasets import real_validation
from synres.models.clipseg import ClipSegOptions, ClipSegSegmenter
from synres.models.encoding_cache import EncodingCache
from synres.models.lisa import LisaModel
from synres.models.micro import load_micro_res
from synres.models.micro_predict import predict
from synres.models.onnx_export import export_clipseg, export_mask_decoder, export_micro
from synres.models.onnx_segmenters import OnnxClipSegSegmenter, OnnxMicroSegmenter, OnnxOptions
from synres.models.onnx_session import check_providers, open_session, wanted_providers
from synres.models.res_load import load_published
from tests.tiny_models import TEXT_CONTEXT, write_clipseg
from tests.unit.models.res_parity import Fixture

MODEL = ModelInfo("tiny", "0" * 64, "MIT", bitwise=False)
IMAGE = next(real_validation(3, 1)).image
EXPRESSIONS = ("the red circle", "the square on the left", "star")
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.fixture(scope="module")
def micro_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shipped micro network lies, exported."""
    folder = tmp_path_factory.mktemp("micro-onnx")
    export_micro(folder)
    return folder


@pytest.fixture
def micro(micro_folder: Path) -> OnnxMicroSegmenter:
    """The shipped micro network in ONNX Runtime."""
    return OnnxMicroSegmenter(micro_folder, MODEL, OnnxOptions(), "cpu")


@pytest.fixture(scope="module")
def clipseg_folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny CLIPSeg, and the same exported."""
    folder = tmp_path_factory.mktemp("clipseg-onnx")
    source = write_clipseg(folder / "source")
    export_clipseg(source, folder / "graphs")
    return source, folder / "graphs"


@pytest.mark.parametrize("size", [(96, 96), (50, 31), (200, 120)])
@pytest.mark.parametrize("count", [1, 3])
def test_micro_is_within_a_ten_thousandth_of_torch(
    micro: OnnxMicroSegmenter, size: tuple[int, int], count: int
) -> None:
    """Any picture size, any number of expressions."""
    image = np.resize(IMAGE, (*size, 3))
    ours = predict(micro.chances, image, EXPRESSIONS[:count])
    theirs = predict(load_micro_res().chances, image, EXPRESSIONS[:count])
    assert np.abs(ours - theirs).max() < 1e-4
    assert theirs.max() - theirs.min() > 0.01


@pytest.mark.parametrize("count", [1, 3])
def test_clipseg_masks_are_those_of_torch(clipseg_folders: tuple[Path, Path], count: int) -> None:
    """The same pixels but where a probability lies within 1e-4 of the threshold: nearly nowhere."""
    source, graphs = clipseg_folders
    in_torch = ClipSegSegmenter(source, MODEL, ClipSegOptions(), EncodingCache(0))
    in_onnx = OnnxClipSegSegmenter(graphs, MODEL, OnnxOptions(), "cpu")
    pairs = zip(
        in_torch.segment(IMAGE, EXPRESSIONS[:count]), in_onnx.segment(IMAGE, EXPRESSIONS[:count]), strict=True
    )
    for expected, found in pairs:
        assert (expected.mask != found.mask).mean() < 0.002
        assert abs(expected.score - found.score) < 1e-3
        assert 0 < expected.mask.mean() < 1


def test_an_expression_that_would_lose_its_end_is_rejected(clipseg_folders: tuple[Path, Path]) -> None:
    """Exported or not, nothing is cut unseen."""
    with pytest.raises(RejectedItem, match="this model reads 32"):
        OnnxClipSegSegmenter(clipseg_folders[1], MODEL, OnnxOptions(), "cpu").segment(
            IMAGE, ["x" * TEXT_CONTEXT]
        )


def test_sam_mask_decoder_is_within_a_ten_thousandth_of_torch(tmp_path: Path) -> None:
    """Any number of vectors, with the trained-like weights of LISA's fixture."""
    fixture = Fixture("lisa")
    weights = fixture.weights("lisa_merged_hf/pytorch_model.bin")
    sam = load_published(LisaModel, fixture.sizes("lisa_merged_hf/config"), weights, fixture.clip).sam.eval()
    export_mask_decoder(sam, tmp_path)
    session = open_session(tmp_path / "mask_decoder.onnx", "cpu")
    features = fixture.tensors("train_mixed")["act.sam_features.0"]
    for count in (1, 5):
        vectors = torch.randn(count, features.shape[0], generator=torch.Generator().manual_seed(count))
        (found,) = session.run(None, {"features": features.numpy(), "vectors": vectors.numpy()})
        expected = sam.decode(features, vectors).detach().numpy()
        assert np.abs(found - expected).max() < 1e-4
        assert np.ptp(expected) > 0.01


def test_equal_networks_are_equal_graphs_without_paths(micro_folder: Path, tmp_path: Path) -> None:
    """No stack trace and no path of this machine; two exports are the same bytes."""
    export_micro(tmp_path)
    first, second = ((folder / "micro.onnx").read_bytes() for folder in (micro_folder, tmp_path))
    assert first == second
    assert b"synres/models" not in first


def test_the_fall_to_the_cpu_is_an_error_unless_asked_for() -> None:
    """Asked for CUDA and given the CPU: said. Asked for the CPU: fine."""
    with pytest.raises(BackendUnavailable, match="SYNRES_DEVICE=cpu"):
        check_providers([CUDA, CPU], [CPU])
    check_providers([CPU], [CPU])


def test_providers_follow_device_and_build() -> None:
    """auto takes the GPU where the build has it; cuda without such a build is refused."""
    assert wanted_providers("auto", [CUDA, CPU]) == [CUDA, CPU]
    assert wanted_providers("auto", [CPU]) == [CPU]
    assert wanted_providers("cpu", [CUDA, CPU]) == [CPU]
    with pytest.raises(BackendUnavailable, match="onnx-gpu"):
        wanted_providers("cuda", [CPU])
