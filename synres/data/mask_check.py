"""What can be wrong with one mask."""

from __future__ import annotations

from synres.data.readers.labels import MaskPicture
from synres.data.readers.segmentation import MIN_NUMBERS, StoredSegmentation, WrittenMask
from synres.data.readers.shapes import MIN_CORNERS, TARGET, DrawnShapes
from synres.data.rows import LazyMask, Problem
from synres.domain.masks import area
from synres.errors import RejectedItem

MENDABLE = frozenset({"polygon_under_3_points", "empty_expression"})
"""What can be taken out of a record without losing the record."""


def mask_problems(mask: LazyMask, size: tuple[int, int]) -> list[Problem]:
    """`polygon_under_3_points`, `mask_size_mismatch`, `empty_mask`, and what drawing it raises.

    A mask that is a picture of its own may be empty: it says that there is no target.
    """
    told: list[Problem] = []
    try:
        if isinstance(mask, StoredSegmentation):
            mask = WrittenMask(mask.read(), mask.size, mask.place)
        short, outlines = _outlines(mask)
        if short and short == outlines and isinstance(mask, DrawnShapes) and mask.value == TARGET:
            # ReasonSeg draws them as lines, and without them the copy would say that there is no target
            raise RejectedItem("empty_mask", f"its {short} polygons have under 3 points")
        if short:
            told.append(Problem(mask.place, "polygon_under_3_points", f"{short} of its polygons"))
        drawn = mask.rle()
        if drawn.size != size:
            raise RejectedItem("mask_size_mismatch", f"it is {drawn.size}, the picture {size}")
        if not area(drawn) and not isinstance(mask, MaskPicture):
            raise RejectedItem("empty_mask", "it has no pixel")
    except RejectedItem as bad:
        return [*told, Problem(mask.place, bad.reason, bad.message)]
    return told


def _outlines(mask: LazyMask) -> tuple[int, int]:
    """How many polygons are too short, and how many there are."""
    if isinstance(mask, DrawnShapes):
        drawn = [len(shape.points) for shape in mask.shapes if shape.value == mask.value]
        return sum(points < MIN_CORNERS for points in drawn), len(drawn)
    segmentation = mask.segmentation if isinstance(mask, WrittenMask) else None
    parts = segmentation if isinstance(segmentation, list) else []
    return sum(isinstance(part, list) and len(part) < MIN_NUMBERS for part in parts), len(parts)
