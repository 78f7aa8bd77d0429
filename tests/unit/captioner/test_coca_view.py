"""What the captioner sees of one object."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.captioner.backends.coca_view import MODES, object_square
from synres.ports import Image, Mask


def _picture(height: int = 40, width: int = 60) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def _box(top: int, left: int, height: int, width: int, size: tuple[int, int] = (40, 60)) -> Mask:
    mask = np.zeros(size, np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


def test_a_crop_is_the_box_with_its_margin() -> None:
    """A box of 6 x 10 with a margin of 0.2 x 10 on every side: 14 x 14 pixels around its middle."""
    picture = _picture()
    square = object_square(picture, _box(20, 30, 6, 10), "crop", 0.2)
    assert np.array_equal(square, picture[16:30, 28:42])


def test_a_square_at_the_rim_moves_inside() -> None:
    """No padding where the picture is large enough."""
    picture = _picture()
    assert np.array_equal(object_square(picture, _box(0, 50, 10, 10), "crop", 0.5), picture[:20, 40:])


def test_a_square_larger_than_the_picture_repeats_its_edge() -> None:
    """A wide object of a low picture: the rows above are its first row."""
    picture = _picture(10, 30)
    square = object_square(picture, _box(0, 0, 10, 30, (10, 30)), "crop", 0.0)
    assert square.shape == (30, 30, 3)
    assert np.array_equal(square[10:20], picture)
    assert (square[:10] == picture[0]).all()
    assert (square[20:] == picture[-1]).all()


@pytest.mark.parametrize("mode", MODES)
def test_the_object_is_never_touched(mode: str) -> None:
    """Its own pixels are the picture's in every mode; what surrounds them differs by mode."""
    picture, mask = _picture(), _box(10, 20, 8, 8)
    mask[12, 22] = False
    square = object_square(picture, mask, mode, 0.5)
    inside = mask[6:22, 16:32]
    assert np.array_equal(square[inside], picture[6:22, 16:32][inside])
    changed = bool((square[~inside] != picture[6:22, 16:32][~inside]).any())
    assert changed == (mode != "crop")


def test_blur_leaves_the_colour_of_the_ground_and_grey_does_not() -> None:
    """Random pixels become their mean when blurred: little variation is left of them."""
    picture, mask = _picture(), _box(10, 20, 8, 8)
    blurred = object_square(picture, mask, "blur", 1.0)
    assert blurred[0].std() < 0.5 * picture.std()
    assert (object_square(picture, mask, "grey", 1.0)[0] == 127).all()


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_the_square_is_square_and_holds_the_whole_object(data: st.DataObject) -> None:
    """Whatever the picture's shape, the place of the box and the margin."""
    height, width = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 30))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rows, columns = data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    mask = _box(top, left, rows, columns, (height, width))
    picture = np.zeros((height, width, 3), np.uint8)
    picture[mask] = 255
    square = object_square(picture, mask, "grey", data.draw(st.floats(0, 2)))
    assert square.shape[0] == square.shape[1]
    assert np.count_nonzero(square == 255) == 3 * np.count_nonzero(mask)
