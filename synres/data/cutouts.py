"""A photograph taken apart: cut-outs with soft edges, and the ground that they are pasted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synres.data.colours import colour_shares, shift_colour
from synres.data.fill import fill
from synres.data.pixels import blurred, box_of, dilate, erode, resize_image, resize_mask, spread
from synres.ports import Image, Mask, SceneMask

SIDE = 384
"""Longest side of a studio, in pixels; smaller photographs keep their size."""
MAX_CUT_SHARE = 0.4
"""Objects that cover more of a photograph leave too little to make a ground from: they stay in it."""
PASTED_SHARES = (0.006, 0.2)
"""Cut-outs below, as a share of the photo, are scraps that nobody would know; those above hide the rest."""
_FEATHER = 1.0
_RING = 5
_DYED_RIM = 3
"""How far around a mask, in pixels, its object may still show: annotators leave a rim."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """The main part of one object: `rgb` (h, w, 3) uint8 runs on beyond its edge, `alpha` (h, w) is in 0..1.

    `corner` is (y, x) in the photo; `on_top_of` lists the objects of the photo that it lies on; `whole` in
    0..1 is the share of its surroundings that no other object takes: what others hide of it is missing.
    `area` counts its pixels; `mass` (y, x) is their centre, from its box's middle.
    """

    category: str
    rgb: Image
    alpha: NDArray[np.float32]
    corner: tuple[int, int]
    on_top_of: tuple[int, ...] = ()
    whole: float = 1.0

    area: float = 0.0
    mass: tuple[float, float] = (0.0, 0.0)

    @property
    def bottom(self) -> int:
        return self.corner[0] + int(self.alpha.shape[0])

    @property
    def centre(self) -> tuple[float, float]:
        """(y, x) of its box's middle, in the photo."""
        height, width = self.alpha.shape
        return self.corner[0] + height / 2, self.corner[1] + width / 2


@dataclass(frozen=True, slots=True)
class Studio:
    """What scenes of one photograph are composed from; `masks` are those of the cut-outs, in the photo.

    With `cleared` the ground has no objects left, else all of them stand where they stood.
    """

    ground: Image
    cutouts: tuple[Cutout, ...]
    masks: tuple[Mask, ...]
    cleared: bool
    cover: NDArray[np.int16]
    """(H, W): how many objects lie on each pixel."""
    region: tuple[int, int, int, int]
    """Top, left, bottom, right of all objects together."""
    _dyed: dict[tuple[int, str], Image] = field(default_factory=dict, repr=False)
    _shares: dict[tuple[int, str], tuple[float, ...]] = field(default_factory=dict, repr=False)
    _changes: dict[tuple[int, str], NDArray[np.int16]] = field(default_factory=dict, repr=False)

    def dyed(self, index: int, colour: str) -> Image:
        """The pixels of a cut-out with its main colour shifted; "" leaves them."""
        cutout = self.cutouts[index]
        if not colour:
            return cutout.rgb
        if (index, colour) not in self._dyed:
            self._dyed[index, colour] = shift_colour(cutout.rgb, colour, cutout.alpha > 0.5)
        return self._dyed[index, colour]

    def can_stand_alone(self, index: int) -> bool:
        """True if the cut-out is neither a scrap nor so large that it would hide the rest."""
        low, high = PASTED_SHARES
        return low <= self.cutouts[index].area / self.cover.size <= high

    def shares(self, index: int, colour: str) -> tuple[float, ...]:
        """`colour_shares` of a cut-out in that dye."""
        if (index, colour) not in self._shares:
            pixels = self.dyed(index, colour)[self.cutouts[index].alpha > 0.5]
            self._shares[index, colour] = tuple(float(share) for share in colour_shares(pixels))
        return self._shares[index, colour]

    def dyed_ground(self, colours: Mapping[int, str]) -> Image:
        """The ground with objects of it dyed, by number; just around a mask too, where it looks alike."""
        ground = self.ground.astype(np.int16)
        for index, colour in colours.items():
            if colour and self.masks[index].any():
                window = box_of(self.masks[index], _RING + 2)
                ground[window] += self._change(index, colour, window)
        return np.clip(ground, 0, 255).astype(np.uint8)

    def _change(self, index: int, colour: str, window: tuple[slice, slice]) -> NDArray[np.int16]:
        """What dyeing adds to the ground's pixels."""
        key = index, colour
        if key not in self._changes:
            mask, shown = self.masks[index][window], self.ground[window]
            soft = blurred(
                mask | (dilate(mask, _DYED_RIM) & ~self.covered_except((index,))[window]), _FEATHER
            )
            change = shift_colour(shown, colour, mask).astype(np.float32) - shown
            self._changes[key] = np.rint(soft[..., None] * change).astype(np.int16)
        return self._changes[key]

    def covered_except(self, indices: Sequence[int]) -> Mask:
        """(H, W): where any object lies that is not one of these."""
        count = self.cover.copy()
        for index in indices:
            count -= self.masks[index]
        covered: Mask = count > 0
        return covered


def open_studio(image: Image, objects: Sequence[SceneMask]) -> Studio:
    """Photo and masks at working size. An object that vanishes there keeps its number and an empty mask."""
    size = _working_size(image)
    small = resize_image(image, size)
    masks = tuple(resize_mask(o.mask, size) for o in objects)
    cover = np.zeros(size, np.int16)
    for mask in masks:
        cover += mask
    covered: Mask = cover > 0
    cleared = bool(covered.mean() <= MAX_CUT_SHARE)
    cutouts = tuple(_cut(small, o.category, index, masks) for index, o in enumerate(objects))
    ground = fill(small, dilate(covered, _RING + 1)) if cleared else small
    return Studio(ground, cutouts, masks, cleared, cover, _region(covered))


def _region(covered: Mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    if not len(rows):
        return 0, 0, *covered.shape
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _working_size(image: Image) -> tuple[int, int]:
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    return max(1, round(scale * height)), max(1, round(scale * width))


def _cut(image: Image, category: str, index: int, masks: Sequence[Mask]) -> Cutout:
    mask = _main_part(masks[index])
    if not mask.any():
        return Cutout(category, np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0), np.float32), (0, 0))
    window = box_of(mask, 2)
    corner = window[0].start, window[1].start
    inside = mask[window]
    # The outermost pixels mix object and old ground: their colours are taken from further in.
    core = erode(inside, 1)
    rgb = spread(image[window].astype(np.float32), core if core.any() else inside)
    alpha = np.clip(1.5 * blurred(inside, _FEATHER) - 0.25, 0, 1) if core.any() else inside.astype(np.float32)
    ring = dilate(mask, _RING) & ~mask
    shares = [float((ring & other).sum()) / max(1, int(ring.sum())) for other in masks]
    shares[index] = 0.0
    on_top_of = tuple(i for i, share in enumerate(shares) if share > 0.5)
    whole = max(0.0, 1 - sum(shares))
    return Cutout(
        category, rgb.astype(np.uint8), alpha, corner, on_top_of, whole, *_area_and_mass(alpha > 0.5)
    )


def _area_and_mass(inside: Mask) -> tuple[float, tuple[float, float]]:
    rows, columns = np.nonzero(inside)
    if not len(rows):
        return 0.0, (0.0, 0.0)
    height, width = inside.shape
    return float(len(rows)), (float(rows.mean()) + 0.5 - height / 2, float(columns.mean()) + 0.5 - width / 2)


def _main_part(mask: Mask) -> Mask:
    """The part around the mask's thickest place; gaps of a few pixels do not part it."""
    if not mask.any():
        return mask
    part = np.zeros_like(mask)
    part[np.unravel_index(int((blurred(mask, 5) * mask).argmax()), mask.shape)] = True
    while (grown := dilate(part, 3) & mask).sum() > part.sum():
        part = grown
    return part
