"""Masks drawn over a picture, in colours that stay apart, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synres.ports import Image, Mask

PALETTE = ((230, 57, 70), (29, 120, 240), (42, 180, 100), (250, 160, 20), (150, 80, 220), (20, 190, 200))
"""RGB, used in turn."""
_FILL = 0.45


def draw_masks(image: Image, masks: Sequence[Mask]) -> Image:
    """A copy of (H, W, 3) uint8 with each (H, W) bool mask tinted in its colour and outlined."""
    drawn = image.astype(np.float32)
    for index, mask in enumerate(masks):
        colour = np.array(PALETTE[index % len(PALETTE)], np.float32)
        drawn[mask] = (1 - _FILL) * drawn[mask] + _FILL * colour
        drawn[outline(mask)] = colour
    return drawn.round().astype(np.uint8)


def outline(mask: Mask) -> Mask:
    """Foreground pixels with a background pixel, or the border, beside them."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner
