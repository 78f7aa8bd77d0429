"""What the captioner sees of one object: a square around its mask, with the rest of the picture subdued."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image as PilImage
from PIL import ImageFilter

from synres.ports import Image, Mask

MODES = ("blur", "crop", "grey")
_GREY = 127
_BLUR = 10 / 224
"""Standard deviation of the blur over the square's side: 10 pixels where the encoder sees 224."""


def object_square(image: Image, mask: Mask, mode: str, context: float) -> Image:
    """(side, side, 3) uint8: the box of `mask`, which has foreground, made square, with a margin of `context`
    of its longer side.

    "blur" subdues what lies outside the mask, "grey" paints it over, "crop" leaves it. A square that leaves
    the picture is moved inside; one that is larger repeats the picture's edge.
    """
    rows, columns, padding = _window(mask, context)
    square = np.pad(image[rows, columns], (*padding, (0, 0)), mode="edge")
    if mode == "crop":
        return square
    inside = np.pad(mask[rows, columns], padding)[..., None]
    return np.where(inside, square, _subdued(square, mode))


def _window(mask: Mask, context: float) -> tuple[slice, slice, tuple[tuple[int, int], tuple[int, int]]]:
    """Rows, columns, and what is missing before and after them for a square."""
    spans = [np.flatnonzero(mask.any(axis)) for axis in (1, 0)]
    boxes = [(int(span[0]), int(span[-1]) + 1) for span in spans]
    side = math.ceil(max(stop - start for start, stop in boxes) * (1 + 2 * context))
    places = [_place(box, side, length) for box, length in zip(boxes, mask.shape, strict=True)]
    return places[0][0], places[1][0], (places[0][1], places[1][1])


def _place(box: tuple[int, int], side: int, length: int) -> tuple[slice, tuple[int, int]]:
    start = (box[0] + box[1] - side) // 2
    if side <= length:
        start = min(max(start, 0), length - side)
        return slice(start, start + side), (0, 0)
    before = (side - length) // 2
    return slice(0, length), (before, side - length - before)


def _subdued(square: Image, mode: str) -> Image:
    if mode == "grey":
        return np.full_like(square, _GREY)
    blur = ImageFilter.GaussianBlur(_BLUR * len(square))
    return np.asarray(PilImage.fromarray(square).filter(blur))
