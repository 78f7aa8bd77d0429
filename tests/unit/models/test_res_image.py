"""Pictures into the two encoders' inputs, beside what the originals made of one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from synres.models.res_image import (
    clip_crop,
    clip_pixels,
    full_size_logits,
    resized_size,
    sam_pixels,
    sam_resized,
)
from tests.unit.models.res_parity import FIXTURES, Fixture, far

LISA = Fixture("lisa")
FACTS = LISA.json("preprocess")


@pytest.fixture(scope="module")
def portrait() -> dict[str, NDArray[np.uint8]]:
    with np.load(FIXTURES / "lisa" / "preprocess.npz") as arrays:
        return {name.removeprefix("portrait."): arrays[name] for name in arrays}


@pytest.mark.parametrize(("size", "resized"), FACTS["resized_hw_for_longest_side_1024"].items())
def test_longer_side_becomes_1024(size: str, resized: list[int]) -> None:
    """Halves are rounded up, as the originals do."""
    height, width = map(int, size.split("x"))
    assert resized_size((height, width), 1024) == tuple(resized)


def test_a_thread_of_a_picture_keeps_one_pixel() -> None:
    """No side is rounded away."""
    assert resized_size((1, 5000), 1024) == (1, 1024)


def test_sam_sees_what_the_original_sees(portrait: dict[str, NDArray[np.uint8]]) -> None:
    """Resized bytes are equal; normalised first and padded with zeros afterwards."""
    assert np.array_equal(sam_resized(portrait["image_u8"], 1024), portrait["sam_resized_u8"])
    pixels = sam_pixels(portrait["image_u8"], 1024)
    expected = torch.from_numpy(portrait["sam_input_every_16th"])
    assert far("every 16th", pixels[:, ::16, ::16], expected, 1e-6) == []
    assert pixels.double().sum().item() == pytest.approx(FACTS["images"][0]["sam_input_sum_f64"], rel=1e-6)


def test_clip_sees_what_the_original_sees(portrait: dict[str, NDArray[np.uint8]]) -> None:
    """Shorter side to 224, centre crop with equal bytes, CLIP's own mean and spread."""
    crop = clip_crop(portrait["image_u8"], 224)
    assert np.array_equal(crop.transpose(2, 0, 1), portrait["clip_crop_u8_chw"])
    pixels = clip_pixels(portrait["image_u8"], 224)
    expected = torch.from_numpy(portrait["clip_input_every_4th"])
    assert far("every 4th", pixels[:, ::4, ::4], expected, 1e-6) == []


def test_logits_come_back_without_the_padding() -> None:
    """What lies outside the resized picture has no part in the full-size logits, which are float32."""
    low = torch.zeros((2, 32, 32), dtype=torch.bfloat16)
    low[:, 20:] = 9.0
    full = full_size_logits(low, 128, (64, 128), (40, 80))
    assert full.dtype == torch.float32
    assert full.shape == (2, 40, 80)
    assert full.abs().max() == 0


def test_no_mask_is_a_picture_of_none() -> None:
    """n = 0 is legal."""
    assert full_size_logits(torch.zeros((0, 32, 32)), 128, (64, 128), (40, 80)).shape == (0, 40, 80)
