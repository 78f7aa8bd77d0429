"""Pictures into SAM's and CLIP's inputs, and low-resolution logits back to the picture's size."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pictures
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from synres.ports import Image

Size = tuple[int, int]
"""(height, width) in pixels."""

_SAM_MEAN, _SAM_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def resized_size(size: Size, longest: int) -> Size:
    """The size after the longer side became `longest`; halves round up, and a thread stays one pixel wide."""
    scale = longest / max(size)
    return max(int(size[0] * scale + 0.5), 1), max(int(size[1] * scale + 0.5), 1)


def sam_resized(image: Image, longest: int) -> Image:
    """(H, W, 3) uint8, bilinear with anti-aliasing, longer side `longest`."""
    size = resized_size((image.shape[0], image.shape[1]), longest)
    return _resize(image, size, Pictures.Resampling.BILINEAR)


def sam_pixels(image: Image, longest: int) -> Tensor:
    """(3, longest, longest) float32: resized, normalised, then padded with zeros right and below."""
    resized = sam_resized(image, longest)
    pixels = _normalised(resized.astype(np.float32), _SAM_MEAN, _SAM_STD)
    return F.pad(pixels, (0, longest - resized.shape[1], 0, longest - resized.shape[0]))


def clip_crop(image: Image, side: int) -> Image:
    """(side, side, 3) uint8: bicubic to the shorter side, then the centre. Wide pictures lose their ends."""
    height, width = image.shape[:2]
    short = min(height, width)
    size = (int(side * height / short), int(side * width / short))
    resized = _resize(image, size, Pictures.Resampling.BICUBIC)
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    return resized[top : top + side, left : left + side]


def clip_pixels(image: Image, side: int) -> Tensor:
    """(3, side, side) float32."""
    scaled = clip_crop(image, side).astype(np.float32) / np.float32(255)
    return _normalised(scaled, _CLIP_MEAN, _CLIP_STD)


def full_size_logits(low: Tensor, side: int, resized: Size, original: Size) -> Tensor:
    """(n, h, w) -> (n, *original) float32: up to SAM's square, without its padding, to the picture."""
    if len(low) == 0:
        return low.new_zeros((0, *original), dtype=torch.float32)
    square = F.interpolate(low[:, None].float(), (side, side), mode="bilinear", align_corners=False)
    inside = square[..., : resized[0], : resized[1]]
    return F.interpolate(inside, original, mode="bilinear", align_corners=False)[:, 0]


def _resize(image: Image, size: Size, resampling: Pictures.Resampling) -> Image:
    picture = Pictures.fromarray(image).resize((size[1], size[0]), resampling)
    return np.asarray(picture)


def _normalised(pixels: NDArray[np.float32], mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    channels = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    return (channels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
