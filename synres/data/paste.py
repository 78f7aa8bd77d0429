"""Paints cut-outs on a ground, from the back to the front, and keeps account of which pixel is whose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageFilter

from synres.ports import Image, Mask

NOBODY = -1
_SHADOW, _SHADOW_DROP, _SHADOW_BLUR = 0.35, 3, 3


@dataclass(frozen=True, slots=True)
class Sprite:
    """A cut-out made ready: (h, w, 3) uint8 and alpha (h, w) in 0..1; `corner` (y, x) may lie outside."""

    rgb: Image
    alpha: NDArray[np.float32]
    corner: tuple[int, int]


@dataclass(slots=True)
class Canvas:
    """`owner` (H, W) int16 holds the number of the object seen at each pixel, or NOBODY."""

    pixels: NDArray[np.float32]
    owner: NDArray[np.int16]

    @classmethod
    def on(cls, ground: Image) -> Canvas:
        return cls(ground.astype(np.float32), np.full(ground.shape[:2], NOBODY, np.int16))

    def paint(self, sprite: Sprite, owner: int, shadow: bool = False) -> None:
        """Blends the sprite in; it owns the pixels where its alpha is over one half."""
        if shadow:
            self._darken(sprite)
        there, here = _overlap(sprite.corner, sprite.alpha.shape, self.owner.shape)
        alpha = sprite.alpha[here]
        target = self.pixels[there]
        target += alpha[..., None] * (sprite.rgb[here] - target)
        self.owner[there][alpha > 0.5] = owner

    def claim(self, mask: Mask, owner: int) -> None:
        """Says whose pixels the ground already shows."""
        self.owner[mask] = owner

    def mask_of(self, owner: int) -> Mask:
        """(H, W): the pixels that one sees of it."""
        seen: Mask = self.owner == owner
        return seen

    def image(self) -> Image:
        return np.rint(np.clip(self.pixels, 0, 255)).astype(np.uint8)

    def _darken(self, sprite: Sprite) -> None:
        """A soft shadow just below the object, where it touches what it lies on."""
        room = 2 * _SHADOW_BLUR
        alpha = PillowImage.fromarray(np.pad(np.rint(255 * sprite.alpha).astype(np.uint8), room))
        soft = np.asarray(alpha.filter(ImageFilter.GaussianBlur(_SHADOW_BLUR)), np.float32)
        corner = (sprite.corner[0] - room + _SHADOW_DROP, sprite.corner[1] - room)
        there, here = _overlap(corner, soft.shape, self.owner.shape)
        self.pixels[there] *= 1 - _SHADOW / 255 * soft[here][..., None]


def transformed(
    rgb: Image, alpha: NDArray[np.float32], scale: float, mirrored: bool, angle_deg: float = 0.0
) -> tuple[Image, NDArray[np.float32]]:
    """The pixels and alpha of a cut-out, scaled, mirrored and turned (counter-clockwise, degrees)."""
    layers = np.dstack([rgb, np.rint(255 * alpha).astype(np.uint8)])
    picture = PillowImage.fromarray(layers[:, ::-1] if mirrored else layers, "RGBA")
    size = (max(1, round(scale * picture.width)), max(1, round(scale * picture.height)))
    # BOX-like reduction would alias thin parts; Pillow's bilinear widens its support when it shrinks.
    picture = picture.resize(size, PillowImage.Resampling.BILINEAR)
    if angle_deg:
        picture = picture.rotate(angle_deg, PillowImage.Resampling.BILINEAR, expand=True)
    layers = np.asarray(picture)
    return layers[..., :3], np.divide(layers[..., 3], 255, dtype=np.float32)


def _overlap(
    corner: tuple[int, int], size: tuple[int, ...], canvas: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a rectangle meets the canvas: slices of the canvas, and of itself; empty when they miss."""
    there, here = [], []
    for start, length, limit in zip(corner, size, canvas, strict=True):
        low, high = min(max(start, 0), limit), max(0, min(start + length, limit))
        there.append(slice(low, max(low, high)))
        here.append(slice(low - start, max(low, high) - start))
    return (there[0], there[1]), (here[0], here[1])
