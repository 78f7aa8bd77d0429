"""A mask's outline is the mask."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synres.domain.masks import Mask
from synres.domain.outlines import Ring, outlines_of

SIDES = st.integers(1, 9)
MASKS = st.tuples(SIDES, SIDES).flatmap(lambda size: arrays(np.bool_, size))


def _filled(rings: list[Ring], size: tuple[int, int]) -> Mask:
    """By the even-odd rule: each upright edge turns everything to its right."""
    turned = np.zeros((size[0], size[1] + 1), int)
    for ring in rings:
        corners = np.array(ring).reshape(-1, 2)
        for (x, y), (next_x, next_y) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            assert (x == next_x) != (y == next_y)
            if x == next_x:
                turned[min(y, next_y) : max(y, next_y), x] += 1
    return np.cumsum(turned, axis=1)[:, :-1] % 2 == 1


@given(MASKS)
def test_filled_outlines_are_the_mask(mask: Mask) -> None:
    """Holes, islands in holes, and pixels that touch by a corner."""
    assert np.array_equal(_filled(outlines_of(mask), mask.shape), mask)


def test_a_rectangle_has_four_corners() -> None:
    """x to the right and y down, between pixels."""
    assert outlines_of(np.ones((2, 3), bool)) == [[0, 0, 3, 0, 3, 2, 0, 2]]


def test_an_empty_mask_has_no_outline() -> None:
    """No target, no ring."""
    assert outlines_of(np.zeros((4, 4), bool)) == []
