"""What can be wrong with one mask."""

from __future__ import annotations

from synres.data.readers.labels import MaskPicture
from synres.data.readers.segmentation import MIN_NUMBERS, StoredSegmentation, WrittenMask
from synres.data.readers.shapes import MIN_CORNERS, DrawnShapes
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
        short = _short_outlines(mask)
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


def _short_outlines(mask: LazyMask) -> int:
    if isinstance(mask, DrawnShapes):
        return sum(len(shape.points) < MIN_CORNERS for shape in mask.shapes if shape.value == mask.value)
    segmentation = mask.segmentation if isinstance(mask, WrittenMask) else None
    parts = segmentation if isinstance(segmentation, list) else []
    return sum(isinstance(part, list) and len(part) < MIN_NUMBERS for part in parts)
