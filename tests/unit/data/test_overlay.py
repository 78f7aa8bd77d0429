"""Overlays are for eyes: a mask must show whatever colour it lies on."""

from __future__ import annotations

import numpy as np

from synres.data.overlay import PALETTE, draw_masks


def test_a_mask_shows_on_its_own_colour() -> None:
    """The first colour is a red, and "the red circle" the likeliest expression."""
    picture = np.full((8, 8, 3), PALETTE[0], np.uint8)
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    drawn = draw_masks(picture, [mask])
    assert (drawn[mask] == PALETTE[0]).all()
    assert np.ptp(drawn[~mask], axis=-1).max() == 0


def test_a_picture_without_masks_is_all_grey() -> None:
    """No expression found a target."""
    drawn = draw_masks(np.full((4, 4, 3), PALETTE[0], np.uint8), [])
    assert np.ptp(drawn, axis=-1).max() == 0
