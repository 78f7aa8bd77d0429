"""Views of pictures: what is cut, and how it is made larger or smaller."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from services.trainer.pictures import TargetObject, TrainingPicture, object_view, whole_view
from synres.domain.masks import encode_mask
from synres.microworld.vocabulary import POSITIONS, WORDS

SIDES = st.integers(1, 60)


@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 2**16))
def test_masks_are_resized_as_pillow_resizes_them(
    height: int, width: int, new_height: int, new_width: int, seed: int
) -> None:
    """Nearest neighbour, pixel for pixel, whatever the sizes."""
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    found = TargetObject(encode_mask(mask), "", ("it",))
    picture = TrainingPicture(lambda: np.zeros((height, width, 3), np.uint8), (found,))
    view = whole_view(picture, (new_height, new_width))
    as_picture = PillowImage.fromarray(mask.astype(np.uint8))
    expected = np.asarray(as_picture.resize((new_width, new_height), PillowImage.Resampling.NEAREST))
    np.testing.assert_array_equal(view.masks[0], expected == 1)


@pytest.mark.parametrize("side", [64, 480])
def test_pictures_are_shrunk_without_aliasing(side: int) -> None:
    """Fine stripes become grey, in small pictures and in large ones."""
    stripes = np.zeros((side, side, 3), np.uint8)
    stripes[:, ::2] = 255
    stripes.flags.writeable = False
    found = TargetObject(encode_mask(np.ones((side, side), np.bool_)), "", ("it",))
    view = whole_view(TrainingPicture(lambda: stripes, (found,)), (side // 4, side // 4))
    assert view.image.shape == (side // 4, side // 4, 3)
    assert abs(view.image[2:-2, 2:-2].astype(int) - 127).max() < 12


def test_what_only_the_whole_picture_tells_is_not_said_of_a_part() -> None:
    """Places and ranks are left out; what is true of the object anywhere stays, as in the micro world."""
    said = ("the leftmost cup", "the largest cup", "second cup from the left", "the only cup",
            "the Closest cup", "cup, left.", "left-most cup", "the red cup",
            "a cup beside the plate")  # fmt: skip
    micro = [word for word in WORDS if word not in POSITIONS]
    found = TargetObject(encode_mask(np.ones((8, 8), np.bool_)), "cup", (*said, *micro))
    picture = TrainingPicture(lambda: np.zeros((8, 8, 3), np.uint8), (found,))
    kept = object_view(picture, found, (8, 8)).objects[0].expressions
    assert kept == (*said[-2:], *micro)


@pytest.mark.parametrize(
    ("corner", "seen_at"), [((40, 20), (8, 18)), ((0, 70), (0, 22)), ((50, 84), (18, 36)), ((46, 0), (14, 0))]
)
def test_an_object_is_in_the_middle_of_its_window(corner: tuple[int, int], seen_at: tuple[int, int]) -> None:
    """As far as the picture reaches: 16 x 12 pixels, seen at their own size in a window of 32 x 48."""
    mask, image = np.zeros((64, 96), np.bool_), np.zeros((64, 96, 3), np.uint8)
    mask[corner[0] : corner[0] + 16, corner[1] : corner[1] + 12] = True
    image[mask] = 200
    found = TargetObject(encode_mask(mask), "", ("it",))
    view = object_view(TrainingPicture(lambda: image, (found,)), found, (32, 48))
    rows, columns = np.nonzero(view.masks[0])
    assert (int(rows.min()), int(columns.min()), rows.size) == (*seen_at, int(mask.sum()))
    assert np.array_equal(view.image[..., 0] > 0, view.masks[0])
