"""Small picture operations over Pillow that the fill and the cut-outs share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageFilter

from synres.ports import Image, Mask

Floats = NDArray[np.float32]
"""(H, W, 3) float32 in 0..255."""


def dilate(mask: Mask, radius: int) -> Mask:
    """Grows by a square of `radius` pixels."""
    return _grown(_grown(mask, radius).T, radius).T


def erode(mask: Mask, radius: int) -> Mask:
    """Shrinks by a square of `radius` pixels; the picture's border does not shrink it."""
    return ~dilate(~mask, radius)


def _grown(mask: Mask, radius: int) -> Mask:
    """Along the rows' axis, by running counts: Pillow's rank filter takes 25 times as long."""
    padded = np.pad(mask, ((radius + 1, radius), (0, 0)))
    counts = np.cumsum(padded, axis=0, dtype=np.int32)
    grown: Mask = counts[2 * radius + 1 :] > counts[: -(2 * radius + 1)]
    return grown


def blurred(mask: Mask, radius: float) -> NDArray[np.float32]:
    """(H, W) float32 in 0..1: the mask under a Gaussian of `radius` pixels."""
    return smoothed(mask.astype(np.float32), radius)


def smoothed(values: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """(H, W) in 0..1 under a Gaussian of `radius` pixels, in 255 steps."""
    picture = PillowImage.fromarray(np.rint(255 * values).astype(np.uint8))
    soft: NDArray[np.float32] = np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)), np.float32)
    soft /= 255
    return soft


def box_of(mask: Mask, room: int) -> tuple[slice, slice]:
    """Rows and columns of a mask that is not empty, with `room` pixels around it where there are any."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, left = max(0, int(rows[0]) - room), max(0, int(columns[0]) - room)
    return slice(top, int(rows[-1]) + 1 + room), slice(left, int(columns[-1]) + 1 + room)


def resize_mask(mask: Mask, size: tuple[int, int], at_least: float = 0.5) -> Mask:
    """To (height, width); true where that share of the pixel was covered."""
    picture = _picture(mask).resize((size[1], size[0]), PillowImage.Resampling.BOX)
    return np.asarray(picture) >= max(1.0, 255 * at_least)


def resize_image(image: Image, size: tuple[int, int]) -> Image:
    """To (height, width), by area means."""
    return np.asarray(PillowImage.fromarray(image).resize((size[1], size[0]), PillowImage.Resampling.BOX))


def enlarge(pixels: Floats, size: tuple[int, int]) -> Floats:
    """To (height, width), bilinear."""
    bands = [PillowImage.fromarray(np.ascontiguousarray(pixels[..., band])) for band in range(3)]
    resized = [band.resize((size[1], size[0]), PillowImage.Resampling.BILINEAR) for band in bands]
    return np.stack([np.asarray(band) for band in resized], axis=-1)


def spread(pixels: Floats, known: Mask) -> Floats:
    """Fills unknown pixels smoothly from known ones (push-pull: means on the way down, bilinear back up)."""
    height, width = known.shape
    if known.all() or not known.any() or min(height, width) < 2:
        mean = pixels[known].mean(0) if known.any() else np.zeros(3, np.float32)
        return np.where(known[..., None], pixels, mean).astype(np.float32)
    padding = ((0, height % 2), (0, width % 2))
    weight = np.pad(known.astype(np.float32), padding)
    total = _halved(np.pad(pixels * known[..., None], (*padding, (0, 0))))
    count = _halved(weight[..., None])
    low = spread((total / np.maximum(count, 1)).astype(np.float32), count[..., 0] > 0)
    high = enlarge(low, (2 * low.shape[0], 2 * low.shape[1]))[:height, :width]
    return np.where(known[..., None], pixels, high).astype(np.float32)


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width, bands = values.shape
    halved: NDArray[np.float32] = values.reshape(height // 2, 2, width // 2, 2, bands).sum((1, 3))
    return halved


def _picture(mask: Mask) -> PillowImage.Image:
    return PillowImage.fromarray(mask.view(np.uint8) * np.uint8(255))
