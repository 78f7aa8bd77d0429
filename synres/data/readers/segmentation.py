"""COCO's `segmentation` in all its spellings, drawn when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from synres.data.rows import LazyMask, Place
from synres.domain.masks import (
    compressed_to_rle,
    decode_mask,
    encode_mask,
    polygons_to_rle,
    runs_to_rle,
    union,
)
from synres.domain.types import Rle
from synres.errors import RejectedItem
from synres.typed_json import decode_json


class Runs(msgspec.Struct):
    """Run lengths: `counts` compressed or as numbers, `size` is (height, width)."""

    counts: list[int] | str
    size: tuple[int, int]


Segmentation = list[list[float] | Runs] | Runs
"""Polygons [x, y, ...] in pixels, or run lengths, or (refclef) a list of run lengths."""
MIN_NUMBERS = 6


def draw_segmentation(segmentation: Segmentation, size: tuple[int, int]) -> Rle:
    """The union of all parts at `size` (height, width); nothing is an empty mask.

    Raises RejectedItem("mask_unreadable") and, for runs of several sizes, "mask_size_mismatch".
    """
    if isinstance(segmentation, Runs):
        return _from_runs(segmentation)
    polygons = [part for part in segmentation if isinstance(part, list)]
    runs = [_from_runs(part) for part in segmentation if isinstance(part, Runs)]
    outlined = [polygons_to_rle(polygons, size)] if polygons or not runs else []
    return union([*outlined, *runs])


def overlaps_of(masks: Sequence[LazyMask]) -> tuple[Rle, ...]:
    """Pixels that count twice or more, three times or more, and so on, in the sums of the originals: parts of
    an annotation are added, annotations joined bit by bit. Only COCO's masks have parts.
    """
    written = [mask for mask in masks if isinstance(mask, StoredSegmentation | WrittenMask)]
    sums = [_summed(mask.read(), mask.size) for mask in written]
    if not sums:
        return ()
    whole = reduce(np.bitwise_or, sums)
    return tuple(encode_mask(whole >= times) for times in range(2, int(whole.max(initial=0)) + 1))


def _summed(segmentation: Segmentation, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W): how many parts cover a pixel."""
    whole = np.zeros(size, np.uint8)
    for part in segmentation if isinstance(segmentation, list) else [segmentation]:
        whole += decode_mask(draw_segmentation(part if isinstance(part, Runs) else [part], size))
    return whole


def _from_runs(runs: Runs) -> Rle:
    if isinstance(runs.counts, str):
        return compressed_to_rle(runs.counts, runs.size)
    return runs_to_rle(runs.counts, runs.size)


@dataclass(frozen=True, slots=True)
class StoredSegmentation:
    """A segmentation at bytes [start, start + length) of a JSON file, for a picture of `size`."""

    path: Path
    start: int
    length: int
    size: tuple[int, int]
    place: Place

    def read(self) -> Segmentation:
        """As the file has it now. Raises RejectedItem("mask_unreadable"), also for a record without one."""
        if not self.length:
            raise RejectedItem("mask_unreadable", f"{self.place} has no segmentation")
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                return decode_json(file.read(self.length), Segmentation)  # type: ignore[arg-type]
        except (OSError, ValueError) as error:
            raise RejectedItem("mask_unreadable", f"{self.place}: {error}") from error

    def rle(self) -> Rle:
        """See `draw_segmentation`."""
        return draw_segmentation(self.read(), self.size)


@dataclass(frozen=True, slots=True)
class WrittenMask:
    """A segmentation that stands in its record itself, for a picture of `size`."""

    segmentation: Segmentation
    size: tuple[int, int]
    place: Place

    def read(self) -> Segmentation:
        """As it stands there."""
        return self.segmentation

    def rle(self) -> Rle:
        """See `draw_segmentation`."""
        return draw_segmentation(self.segmentation, self.size)
