"""Tiles fill the picture, masks stay in their tiles, shared expressions unite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres.domain.mosaic import Box, Tile, compose_mosaic, plan_mosaic
from synres.errors import InvalidInput

seeds = st.integers(0, 2**63 - 1)
counts = st.integers(4, 9)
sizes = st.tuples(st.integers(3, 60), st.integers(3, 60))


def cover(boxes, size):
    hits = np.zeros(size, int)
    for box in boxes:
        hits[box.top : box.top + box.height, box.left : box.left + box.width] += 1
    return hits


@given(seeds, counts, sizes)
def test_boxes_fill_the_picture_once(seed, tiles, size):
    """Every pixel lies in exactly one of the boxes, none of which is empty."""
    boxes = plan_mosaic(seed, tiles, size)
    assert len(boxes) == tiles
    assert (cover(boxes, size) == 1).all()
    assert all(box.height and box.width for box in boxes)


@given(seeds, counts)
def test_grids_are_two_by_two_to_three_by_three(seed, tiles):
    """No tile is smaller than a third of a side or larger than a half."""
    for box in plan_mosaic(seed, tiles, (60, 60)):
        assert box.height in (20, 30)
        assert box.width in (20, 30)


@given(seeds, counts, sizes)
def test_layout_is_a_function_of_its_seed(seed, tiles, size):
    """The same seed draws the same layout."""
    assert plan_mosaic(seed, tiles, size) == plan_mosaic(seed, tiles, size)


def test_the_real_tile_gets_to_every_place():
    """Five tiles: four quarters, and six places for a third of a half, lying or upright."""
    layouts = [plan_mosaic(seed, 5, (60, 60)) for seed in range(200)]
    assert len({layout[0] for layout in layouts}) == 4 + 6 + 6
    assert {layout[0].height for layout in layouts} == {20, 30}


@given(seeds, counts, sizes, st.data())
def test_masks_stay_in_their_tiles_and_lose_no_pixel(seed, tiles, size, data):
    """Each target is its tile's mask in place; a shared expression, however spelled, holds the union."""
    boxes = plan_mosaic(seed, tiles, size)
    draws = np.random.default_rng(data.draw(seeds))
    parts = [
        Tile(
            draws.integers(0, 256, (box.height, box.width, 3), np.uint8),
            {
                ("The red cups" if k % 2 else "a red cup"): draws.random((box.height, box.width)) < 0.5,
                f"tile {k}": draws.random((box.height, box.width)) < 0.5,
            },
        )
        for k, box in enumerate(boxes)
    ]
    whole = compose_mosaic(boxes, parts)
    assert set(whole.targets) == {"a red cup", *(f"tile {k}" for k in range(tiles))}
    for k, (box, part) in enumerate(zip(boxes, parts, strict=True)):
        place = np.s_[box.top : box.top + box.height, box.left : box.left + box.width]
        shared = part.targets["The red cups" if k % 2 else "a red cup"]
        assert np.array_equal(whole.image[place], part.image)
        assert np.array_equal(whole.targets[f"tile {k}"][place], part.targets[f"tile {k}"])
        assert whole.targets[f"tile {k}"].sum() == part.targets[f"tile {k}"].sum()
        assert np.array_equal(whole.targets["a red cup"][place], shared)


def test_tiles_of_another_size_are_refused():
    """The caller resizes: a picture or a mask that does not fit its box is named."""
    box, mask = Box(0, 0, 4, 4), np.ones((4, 4), bool)
    for tile in (
        Tile(np.zeros((4, 5, 3), np.uint8), {}),
        Tile(np.zeros((4, 4, 3), np.uint8), {"x": mask[:3]}),
    ):
        with pytest.raises(InvalidInput, match="4 x 4; resize it"):
            compose_mosaic([box], [tile])


@pytest.mark.parametrize(("tiles", "size"), [(3, (60, 60)), (10, (60, 60)), (4, (2, 60))])
def test_impossible_mosaics_are_refused(tiles, size):
    """Four to nine tiles, and room for them."""
    with pytest.raises(InvalidInput, match="4 to 9 tiles"):
        plan_mosaic(0, tiles, size)
