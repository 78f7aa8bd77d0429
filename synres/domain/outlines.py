"""Masks as polygons: the exact outline of a mask, corner by corner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synres.domain.masks import Mask

Ring = list[int]
"""[x, y, x, y, ...] along the edges of pixels; the last corner is joined to the first."""
_Integers = NDArray[np.int64]


def outlines_of(mask: Mask) -> list[Ring]:
    """(H, W) bool -> rings, holes among them: filled by the even-odd rule they give the mask back.

    Corners lie between pixels, 0..W and 0..H. An empty mask has no rings.
    """
    rows, columns = _corners(mask)
    across = _pairs(np.lexsort((columns, rows)))
    down = _pairs(np.lexsort((rows, columns)))
    seen = np.zeros(rows.size, bool)
    return [_walk(start, across, down, seen, rows, columns) for start in range(rows.size) if not seen[start]]


def _corners(mask: Mask) -> tuple[_Integers, _Integers]:
    """Row and column of each corner of the outline; twice where two pixels touch by a corner only."""
    padded = np.pad(mask, 1).astype(np.int8)
    around = padded[:-1, :-1] + padded[:-1, 1:] + padded[1:, :-1] + padded[1:, 1:]
    is_diagonal = (around == 2) & (padded[:-1, :-1] == padded[1:, 1:])
    times = (around % 2 == 1) + 2 * is_diagonal
    rows, columns = np.nonzero(times)
    copies = times[rows, columns]
    return np.repeat(rows, copies), np.repeat(columns, copies)


def _pairs(order: _Integers) -> _Integers:
    """In each line of the grid the 1st corner is joined to the 2nd, the 3rd to the 4th, and so on."""
    partner = np.empty_like(order)
    partner[order[::2]], partner[order[1::2]] = order[1::2], order[::2]
    return partner


def _walk(
    start: int,
    across: _Integers,
    down: _Integers,
    seen: NDArray[np.bool_],
    rows: _Integers,
    columns: _Integers,
) -> Ring:
    ring: Ring = []
    at = start
    while not seen[at]:
        for corner in (at, int(across[at])):
            seen[corner] = True
            ring += [int(columns[corner]), int(rows[corner])]
        at = int(down[across[at]])
    return ring
