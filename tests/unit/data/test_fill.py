"""Holes are filled from around them."""

from __future__ import annotations

import numpy as np

from synres.data.fill import fill
from synres.data.pixels import dilate, erode, spread
from tests.unit.data.photo import SIZE, block, photo, things


def test_removed_objects_leave_the_ground() -> None:
    """Grey ground with colourful things: after the fill no colour is left, and nothing outside changed."""
    image = photo()
    hole = np.zeros(SIZE, np.bool_)
    for thing in things():
        hole |= dilate(thing.mask, 3)
    filled = fill(image, hole)
    assert np.array_equal(filled[~hole], image[~hole])
    spread_of_channels = np.ptp(filled[hole].astype(int), axis=1)
    assert spread_of_channels.max() < 30
    assert 110 < filled[hole].mean() < 180


def test_texture_is_copied_and_not_smeared() -> None:
    """The noise of the ground goes on inside the hole: it varies at least a third as much as outside."""
    image, hole = photo(), block(40, 50, 24, 24)
    inside = np.diff(fill(image, hole)[44:60, 54:70, 0].astype(int)).std()
    outside = np.diff(image[0:16, 0:60, 0].astype(int)).std()
    assert inside > outside / 3


def test_stripes_stay_stripes_in_a_hole() -> None:
    """Patches are copied whole: made-up pixels are dark or light as the stripes are, seldom between."""
    stripes = np.where(np.arange(128) // 8 % 2, 220, 40).astype(np.uint8)
    image = np.broadcast_to(stripes[None, :, None], (96, 128, 3)).copy()
    hole = block(30, 40, 30, 30)
    broken = image.copy()
    broken[hole] = (255, 0, 0)
    made_up = fill(broken, hole)[hole][:, 0].astype(int)
    assert (np.minimum(abs(made_up - 40), abs(made_up - 220)) < 40).mean() > 0.75


def test_nothing_to_fill_or_nothing_to_copy_from() -> None:
    """Without a hole, and with nothing but hole, the picture comes back."""
    image = photo()
    assert np.array_equal(fill(image, np.zeros(SIZE, np.bool_)), image)
    assert np.array_equal(fill(image, np.ones(SIZE, np.bool_)), image)


def test_a_picture_of_a_few_pixels_is_filled() -> None:
    """Smaller than a patch is no error."""
    image = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    hole = np.zeros((5, 4), np.bool_)
    hole[2, 2] = True
    assert fill(image, hole).shape == image.shape


def test_the_fill_is_pure() -> None:
    """Equal arguments give equal pixels."""
    hole = block(40, 50, 20, 20)
    assert np.array_equal(fill(photo(), hole, 3), fill(photo(), hole, 3))


def test_dilate_and_erode_are_squares() -> None:
    """One pixel grows to a square; eroding takes it back; the border does not shrink a mask."""
    dot = block(10, 10, 1, 1, (20, 20))
    assert np.array_equal(dilate(dot, 2), block(8, 8, 5, 5, (20, 20)))
    assert np.array_equal(erode(dilate(dot, 2), 2), dot)
    assert erode(np.ones((4, 4), np.bool_), 1).all()


def test_spread_keeps_what_is_known_and_bounds_the_rest() -> None:
    """Made-up pixels lie between the smallest and the largest known value."""
    rng = np.random.default_rng(1)
    pixels = rng.uniform(50, 200, (17, 23, 3)).astype(np.float32)
    known = rng.random((17, 23)) < 0.2
    full = spread(pixels, known)
    assert np.array_equal(full[known], pixels[known])
    assert full.min() >= pixels[known].min() - 1e-3
    assert full.max() <= pixels[known].max() + 1e-3
