"""Labelled polygons that hide each other, as ReasonSeg draws them: large ones first, small ones on top."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from synres.data.readers.polygons import Corners, fill_polygon
from synres.data.rows import Place
from synres.domain.masks import encode_mask
from synres.domain.types import Rle
from synres.errors import RejectedItem

_MAX_REACH = 2
MIN_CORNERS = 3
TARGET, IGNORE = 1, 2


class Shape(msgspec.Struct, frozen=True):
    """`points`: [x, y] in pixels. `label`: "flag" is no shape, one with "ignore" in it is ignored, any other
    one is the target."""

    label: str
    points: list[tuple[float, float]]

    @property
    def value(self) -> int:
        """0 for what is not drawn."""
        label = self.label.lower()
        return 0 if label == "flag" else IGNORE if "ignore" in label else TARGET


@dataclass(frozen=True, slots=True)
class DrawnShapes:
    """The pixels of one `kind` ("target" or "ignore") that no smaller shape of the other kind lies on."""

    shapes: tuple[Shape, ...]
    size: tuple[int, int]
    kind: str
    place: Place

    @property
    def value(self) -> int:
        return TARGET if self.kind == "target" else IGNORE

    @property
    def is_drawn(self) -> bool:
        return any(shape.value == self.value for shape in self.shapes)

    def rle(self) -> Rle:
        """Raises RejectedItem("mask_unreadable") for wild coordinates."""
        return encode_mask(draw_shapes(self.shapes, self.size) == self.value)


def draw_shapes(shapes: tuple[Shape, ...], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W) uint8: 0 for background, TARGET, IGNORE. Corners are cut to whole pixels, outlines belong to
    shapes, and a shape lies on those that cover more pixels (LISA, utils/data_processing.py)."""
    drawn = [shape for shape in shapes if shape.value]
    areas = [int(np.count_nonzero(_canvas([shape], size))) for shape in drawn]
    # the original turns an ascending order round, so equals come last first
    order = np.argsort(areas, kind="stable")[::-1]
    return _canvas([drawn[k] for k in order], size)


def _canvas(shapes: list[Shape], size: tuple[int, int]) -> NDArray[np.uint8]:
    canvas = np.zeros(size, np.uint8)
    for shape in shapes:
        canvas[fill_polygon(_corners(shape, size), size)] = shape.value
    return canvas


def _corners(shape: Shape, size: tuple[int, int]) -> Corners:
    corners = np.array(shape.points, np.float64).reshape(-1, 2)
    # the negation also refuses NaN
    if not (np.abs(corners) <= _MAX_REACH * max(size)).all():
        raise RejectedItem(
            "mask_unreadable", f"a corner lies far outside the picture of {size[0]} x {size[1]}"
        )
    whole = corners.astype(np.int64)
    if np.abs(np.diff(whole, axis=0)).sum() > size[0] * size[1] + 20 * max(size):
        raise RejectedItem("mask_unreadable", "an outline is longer than the picture has pixels")
    return whole
