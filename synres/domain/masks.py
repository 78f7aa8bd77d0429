"""Bool masks <-> COCO run lengths, thin over pycocotools.

pycocotools trusts its input: counts that overrun the picture read and write past its buffers. So counts
are checked here, in numpy, before its C code sees them. A `Rle` in canonical form (no empty run but the
first) has one spelling for each mask, which makes bytes comparable and digests stable; the functions
`*_to_rle` bring foreign run lengths into that form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from synres.domain.types import Rle
from synres.errors import InvalidInput, RejectedItem

Mask = NDArray[np.bool_]
"""(H, W) bool."""
Runs = NDArray[np.int64]
"""Run lengths in pixels, column by column, background first."""

MAX_PIXELS = 1 << 28
"""Larger masks are refused: a few bytes of counts could ask for gigabytes."""
MAX_MASKS = 62
"""Masks that can be compared in one sweep: a pattern of masks is one 64-bit number."""
_MAX_CHARS = 6  # six characters of five bits hold any difference of runs up to MAX_PIXELS
_MAX_REACH = 2  # polygon corners this many picture sizes away are not a slip of a pixel but garbage
_MAX_CORNER = 1e7  # pycocotools scales corners by five into 32-bit integers


def encode_mask(mask: Mask) -> Rle:
    """(H, W) bool -> canonical Rle; fast from Fortran order. Raises RejectedItem("mask_unreadable")."""
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise _unreadable(f"a mask is a 2-D bool array, not {mask.ndim}-D {mask.dtype}")
    _check_size((mask.shape[0], mask.shape[1]))
    return _from_coco(coco.encode(np.asfortranarray(mask).view(np.uint8)))


def decode_mask(rle: Rle) -> Mask:
    """(H, W) bool in Fortran order, as COCO counts columns. Raises RejectedItem("mask_unreadable")."""
    runs = runs_of(rle)
    # pycocotools' own decode warns under numpy 2, and warnings are errors.
    return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(rle.size[::-1]).T


def area(rle: Rle) -> int:
    """Foreground pixels."""
    return int(runs_of(rle)[1::2].sum())


def box(rle: Rle) -> tuple[int, int, int, int]:
    """(x, y, width, height) in pixels; all 0 for an empty mask."""
    x, y, width, height = (int(value) for value in coco.toBbox(_to_coco(rle)))
    return x, y, width, height


def measure_mask(mask: Mask) -> tuple[Rle, int, tuple[int, int, int, int]]:
    """`encode_mask`, `area` and `box` in one go, for a mask that is our own: nothing is checked twice."""
    rle = encode_mask(mask)
    trusted = {"size": list(rle.size), "counts": rle.counts.encode("ascii")}
    x, y, width, height = (int(value) for value in coco.toBbox(trusted))
    return rle, int(coco.area(trusted)), (x, y, width, height)


def iou(a: Rle, b: Rle) -> float:
    """Intersection over union in [0, 1]; two empty masks agree (1.0)."""
    (first, second), intersections = pairwise_intersections([a, b])
    common = intersections[1][0]
    union_pixels = first + second - common
    return common / union_pixels if union_pixels else 1.0


def pairwise_intersections(rles: Sequence[Rle]) -> tuple[list[int], list[list[int]]]:
    """Areas, and for each mask i the pixels it shares with each mask j < i (row i has i numbers).

    One sweep over all run boundaries, exact and faster than pycocotools' pairs: between two boundaries
    the same masks are inside, so pixels are counted by the pattern of masks that they lie in.
    Raises RejectedItem ("mask_size_mismatch", "mask_unreadable") and InvalidInput above MAX_MASKS masks.
    """
    size = common_size(rles) or (0, 0)
    if len(rles) > MAX_MASKS:
        raise InvalidInput(
            f"{len(rles)} masks of one picture are too many to compare; use {MAX_MASKS} or fewer"
        )
    ends = [np.cumsum(runs_of(rle))[:-1] << 6 | member for member, rle in enumerate(rles)]
    edges = np.sort(np.concatenate([np.zeros(0, np.int64), *ends]))
    patterns = np.bitwise_xor.accumulate(np.int64(1) << (edges & 63))
    seen, pixels = _tally(patterns, np.diff(edges >> 6, append=size[0] * size[1]), 1 << len(rles))
    inside = (seen[:, None] >> np.arange(len(rles)) & 1).astype(np.float64)
    # Products of float64 are exact here: no count reaches 2**53.
    shared: list[list[int]] = ((inside.T * pixels) @ inside).astype(np.int64).tolist()
    return [row[i] for i, row in enumerate(shared)], [row[:i] for i, row in enumerate(shared)]


def _tally(patterns: Runs, lengths: Runs, possible: int) -> tuple[Runs, NDArray[np.float64]]:
    """Distinct patterns and the sum of lengths of each; by a table if that is small, else by a sort."""
    if possible <= 8 * patterns.size:
        distinct, places = np.arange(possible), patterns
    else:
        distinct, places = np.unique(patterns, return_inverse=True)
    pixels = np.bincount(places, lengths, distinct.size).astype(np.float64)
    return distinct[pixels > 0], pixels[pixels > 0]


def union(rles: Sequence[Rle]) -> Rle:
    """Pixels of any mask; at least one mask, all of one size."""
    common_size(rles)
    return _from_coco(coco.merge([_to_coco(rle) for rle in rles]))


def common_size(rles: Sequence[Rle]) -> tuple[int, int] | None:
    """(height, width) of all masks, None without masks; raises RejectedItem("mask_size_mismatch")."""
    sizes = {rle.size for rle in rles}
    if len(sizes) > 1:
        raise RejectedItem("mask_size_mismatch", f"masks of one picture have sizes {sorted(sizes)}")
    return sizes.pop() if sizes else None


def runs_of(rle: Rle) -> Runs:
    """Checked run lengths: canonical, not negative, summing to height x width.

    Raises RejectedItem("mask_unreadable").
    """
    runs = _parse_counts(rle.counts)
    _check_runs(runs, rle.size)
    if (runs[1:] == 0).any():
        raise _unreadable("the counts hold an empty run; bring foreign counts in with compressed_to_rle")
    return runs


def runs_to_rle(runs: Sequence[int] | Runs, size: tuple[int, int]) -> Rle:
    """COCO's uncompressed counts (a list of run lengths) -> canonical Rle."""
    lengths = _flat(runs, "uncompressed counts are a flat list of integers")
    if lengths.dtype.kind not in "iu":
        raise _unreadable("uncompressed counts are a flat list of integers")
    _check_runs(lengths, size)
    return edges_to_rle(_toggles(np.cumsum(lengths, dtype=np.int64)), size)


def compressed_to_rle(counts: str | bytes, size: tuple[int, int]) -> Rle:
    """COCO's compressed counts of unknown origin -> canonical Rle."""
    text = counts.decode("latin-1") if isinstance(counts, bytes) else counts
    return runs_to_rle(_parse_counts(text), size)


def edges_to_rle(edges: Runs, size: tuple[int, int]) -> Rle:
    """Rising pixel numbers (column by column) where the mask flips -> Rle; an edge at the end is dropped."""
    pixels = size[0] * size[1]
    inner = edges[edges < pixels]
    runs = np.diff(inner, prepend=0, append=pixels)
    return _from_coco(coco.frPyObjects({"size": list(size), "counts": runs.tolist()}, *size))


def polygons_to_rle(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> Rle:
    """Union of COCO polygons ([x, y, x, y, ...] in pixels); no polygons is an empty mask.

    Polygons of fewer than three corners have no inside and are left out (pycocotools would take four
    numbers for a box). Raises RejectedItem("mask_unreadable") for odd or wild coordinates.
    """
    _check_size(size)
    for polygon in polygons:
        _check_polygon(polygon, size)
    corners = [[float(value) for value in polygon] for polygon in polygons if len(polygon) >= 6]
    if not corners:
        return runs_to_rle([size[0] * size[1]], size)
    return _from_coco(coco.merge(coco.frPyObjects(corners, *size)))


def _check_polygon(polygon: Sequence[float], size: tuple[int, int]) -> None:
    values = _flat(polygon, "a polygon is a flat list of x and y")
    if values.dtype.kind not in "iuf" or values.size % 2:
        raise _unreadable("a polygon is a flat list of x and y")
    # The negation also refuses NaN.
    if not (np.abs(values) <= min(_MAX_REACH * max(size), _MAX_CORNER)).all():
        raise _unreadable(f"a polygon corner lies far outside the picture of {size[0]} x {size[1]}")
    corners = values.reshape(-1, 2)
    # pycocotools walks every edge pixel by pixel and keeps the walk in memory.
    if np.abs(np.diff(corners, axis=0)).sum() > size[0] * size[1] + 20 * max(size):
        raise _unreadable(
            f"a polygon's outline is longer than the picture of {size[0]} x {size[1]} has pixels"
        )


def _flat(values: Sequence[float] | NDArray[Any], complaint: str) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise _unreadable(complaint) from error
    if array.ndim != 1:
        raise _unreadable(complaint)
    return array


def _check_size(size: tuple[int, int]) -> None:
    height, width = size
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise _unreadable(f"a mask of {height} x {width} has no pixels or more than {MAX_PIXELS}")


def _check_runs(runs: NDArray[Any], size: tuple[int, int]) -> None:
    _check_size(size)
    pixels = size[0] * size[1]
    # Bounds come first: a sum of unbounded 64-bit numbers may wrap to the right value.
    if runs.size == 0 or int(runs.min()) < 0 or int(runs.max()) > pixels or int(runs.sum()) != pixels:
        raise _unreadable(f"the run lengths do not fill a mask of {size[0]} x {size[1]}")


def _parse_counts(counts: str) -> Runs:
    """COCO's text: five bits a character, a sixth for "more"; after three runs, differences to two before."""
    text = counts.encode() if counts.isascii() else b""
    codes = np.frombuffer(text, np.uint8).astype(np.int64) - 48
    if codes.size == 0 or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise _unreadable("the counts are not COCO run lengths")
    ends = np.flatnonzero((codes & 32) == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _MAX_CHARS:
        raise _unreadable("the counts hold a run longer than any mask")
    places = np.arange(codes.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 31) << (5 * places), starts)
    values -= np.where(codes[ends] & 16, np.int64(1) << (5 * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def _toggles(edges: Runs) -> Runs:
    """Edges that an empty run doubles cancel out."""
    positions, times = np.unique(edges, return_counts=True)
    flips: Runs = positions[times % 2 == 1]
    return flips


def _to_coco(rle: Rle) -> dict[str, Any]:
    runs_of(rle)
    return {"size": list(rle.size), "counts": rle.counts.encode("ascii")}


def _from_coco(encoded: dict[str, Any]) -> Rle:
    height, width = encoded["size"]
    return Rle((int(height), int(width)), encoded["counts"].decode("ascii"))


def _unreadable(message: str) -> RejectedItem:
    return RejectedItem("mask_unreadable", message)
