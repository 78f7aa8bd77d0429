"""Masks drawn over a picture, in colours that stay apart, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synres.ports import Image, Mask

PALETTE = ((230, 57, 70), (29, 120, 240), (42, 180, 100), (250, 160, 20), (150, 80, 220), (20, 190, 200))
"""RGB, used in turn."""
_FILL = 0.45
_FADE = 0.6


def draw_masks(image: Image, masks: Sequence[Mask]) -> Image:
    """A copy of (H, W, 3) uint8: (H, W) bool masks tinted and outlined in their colours, the rest grey."""
    drawn = image.astype(np.float32)
    # a red mask on a red thing shows only where the colour around it is gone
    rest = ~np.any(masks, axis=0) if len(masks) else np.ones(image.shape[:2], bool)
    drawn[rest] = (1 - _FADE) * drawn[rest].mean(axis=1, keepdims=True) + _FADE * 255
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
