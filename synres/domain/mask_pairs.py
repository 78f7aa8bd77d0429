"""Many pairs of masks counted at once, from their run lengths: exact, and no mask is ever drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from synres.domain.masks import MAX_PIXELS, Runs
from synres.domain.types import Rle
from synres.errors import RejectedItem

_AT_ONCE = 256
_MAX_CHARS = 6  # of five bits each: enough for any difference of runs up to MAX_PIXELS


def count_pairs(firsts: Sequence[Rle], seconds: Sequence[Rle]) -> NDArray[np.int64]:
    """(n, 3): pixels in both masks, in the first, in the second, of the pairs (first i, second i).

    Masks are canonical, those of a pair of one size. Raises RejectedItem ("mask_size_mismatch",
    "mask_unreadable").
    """
    pairs = list(zip(firsts, seconds, strict=True))
    for first, second in pairs:
        if tuple(first.size) != tuple(second.size):
            raise RejectedItem("mask_size_mismatch", f"a mask of {first.size} against one of {second.size}")
    counts = np.zeros((len(pairs), 3), np.int64)
    for start in range(0, len(pairs), _AT_ONCE):
        some = pairs[start : start + _AT_ONCE]
        # pycocotools trusts its input, so all of it is checked first
        check_rles([rle for pair in some for rle in pair])
        for row, pair in enumerate(some, start):
            counts[row] = _count(*pair)
    return counts


def check_rles(rles: Sequence[Rle]) -> None:
    """As `masks.runs_of` does of one: a canonical mask each. Raises RejectedItem("mask_unreadable")."""
    if not rles:
        return
    runs, starts = _parse([rle.counts for rle in rles])
    pixels = np.array([rle.size[0] * rle.size[1] for rle in rles], np.int64)
    sides = np.array([rle.size for rle in rles], np.int64)
    if sides.min() < 1 or pixels.max() > MAX_PIXELS:
        raise _unreadable(f"has no pixels, or more than {MAX_PIXELS}")
    most = np.repeat(pixels, np.diff(starts, append=runs.size))
    inner = np.ones(runs.size, np.bool_)
    inner[starts] = False
    # bounds come first: a sum of unbounded numbers may wrap to the right value
    if (runs < 0).any() or (runs > most).any() or (np.add.reduceat(runs, starts) != pixels).any():
        raise _unreadable("has run lengths that do not fill it")
    if (runs[inner] == 0).any():
        raise _unreadable("holds an empty run")


def _count(first: Rle, second: Rle) -> tuple[int, int, int]:
    both = [{"size": list(rle.size), "counts": rle.counts} for rle in (first, second)]
    areas = coco.area([*both, coco.merge(both, intersect=True)])
    return int(areas[2]), int(areas[0]), int(areas[1])


def _parse(texts: Sequence[str]) -> tuple[Runs, Runs]:
    """Run lengths of all texts in a row, and where each text's begin; COCO's form, see `masks`."""
    if not all(text and text.isascii() for text in texts):
        raise _unreadable("has counts that are not COCO run lengths")
    codes = np.frombuffer("".join(texts).encode(), np.uint8).astype(np.int64) - 48
    ends = np.cumsum([len(text) for text in texts])
    stops = (codes & 32) == 0
    if codes.min() < 0 or codes.max() > 63 or not stops[ends - 1].all():
        raise _unreadable("has counts that are not COCO run lengths")
    last = np.flatnonzero(stops)
    first = np.concatenate(([0], last[:-1] + 1))
    lengths = last - first + 1
    if lengths.max() > _MAX_CHARS:
        raise _unreadable("has a run longer than any mask")
    shifts = 5 * (np.arange(codes.size) - np.repeat(first, lengths))
    values = np.add.reduceat((codes & 31) << shifts, first)
    values -= np.where(codes[last] & 16, np.int64(1) << (5 * lengths), 0)
    starts = np.concatenate(([0], np.cumsum(stops)[ends[:-1] - 1]))
    return _summed(values, starts), starts


def _summed(values: Runs, starts: Runs) -> Runs:
    """After the third, a text's runs are told as the difference to the run two before."""
    places = np.arange(values.size) - np.repeat(starts, np.diff(starts, append=values.size))
    runs = values.copy()
    for chosen, begins in (
        ((places & 1) == 1, places == 1),
        (((places & 1) == 0) & (places > 0), places == 2),
    ):
        chain = values[chosen]
        if chain.size:
            sums = np.cumsum(chain)
            heads = np.flatnonzero(begins[chosen])
            before = np.repeat(sums[heads] - chain[heads], np.diff(heads, append=chain.size))
            runs[chosen] = sums - before
    return runs


def _unreadable(what: str) -> RejectedItem:
    return RejectedItem("mask_unreadable", f"a mask {what}")
