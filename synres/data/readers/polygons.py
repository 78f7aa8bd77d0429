"""Polygons on whole pixels as OpenCV draws them (`polylines` and `fillPoly`, 8-connected), in numpy.

ReasonSeg's masks are defined by these two calls; Pillow's polygons differ in nearly every outline.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synres.domain.masks import Mask

Corners = NDArray[np.int64]
"""(N, 2) x and y."""
_ONE = 1 << 16
"""OpenCV follows edges in fixed point with so many steps in a pixel."""


def fill_polygon(corners: Corners, size: tuple[int, int]) -> Mask:
    """(H, W) bool: outline and inside (even-odd), cut at the picture's border."""
    mask = np.zeros(size, np.bool_)
    following = np.roll(corners, -1, axis=0)
    for start, end in zip(corners.tolist(), following.tolist(), strict=True):
        _draw_line(mask, start, end)
    rows, columns = _crossings(corners, following, size[0])
    left, right = -(-columns[0::2] // _ONE), columns[1::2] // _ONE
    inside = (left <= right) & (left < size[1]) & (right >= 0)
    _fill_spans(mask, rows[0::2][inside], left[inside], right[inside])
    return mask


def _draw_line(mask: Mask, start: list[int], end: list[int]) -> None:
    """From the left end on, as OpenCV does: a line's pixels depend on where it starts."""
    (x, y), (to_x, to_y) = (
        sorted((start, end), key=lambda corner: corner[0]) if start[0] != end[0] else (start, end)
    )
    across, down = to_x - x, abs(to_y - y)
    length, drift = max(across, down), min(across, down)
    steps = np.arange(length + 1)
    # the drift's share, rounded half down
    drifted = -((length - 2 * drift * steps) // (2 * length)) if length else steps
    along_x, along_y = (steps, drifted) if across >= down else (drifted, steps)
    xs, ys = x + along_x, y + along_y * (1 if to_y >= y else -1)
    seen = (xs >= 0) & (xs < mask.shape[1]) & (ys >= 0) & (ys < mask.shape[0])
    mask[ys[seen], xs[seen]] = True


def _crossings(starts: Corners, ends: Corners, height: int) -> tuple[Corners, Corners]:
    """Rows, and columns in fixed point, where rows cross edges; in order, so that neighbours are pairs."""
    leans = starts[:, 1] != ends[:, 1]
    upper = np.where((starts[:, 1] < ends[:, 1])[:, None], starts, ends)[leans]
    lower = np.where((starts[:, 1] < ends[:, 1])[:, None], ends, starts)[leans]
    tall, wide = lower[:, 1] - upper[:, 1], (lower[:, 0] - upper[:, 0]) * _ONE
    # C cuts towards nought
    slope = np.sign(wide) * (np.abs(wide) // tall)
    edge = np.repeat(np.arange(len(tall)), tall)
    below = np.arange(len(edge)) - np.repeat(np.cumsum(tall) - tall, tall)
    rows, columns = upper[edge, 1] + below, upper[edge, 0] * _ONE + below * slope[edge]
    seen = (rows >= 0) & (rows < height)
    order = np.lexsort((columns[seen], rows[seen]))
    return rows[seen][order], columns[seen][order]


def _fill_spans(mask: Mask, rows: Corners, left: Corners, right: Corners) -> None:
    height, width = mask.shape
    edges = np.zeros((height, width + 1), np.int32)
    np.add.at(edges, (rows, np.maximum(left, 0)), 1)
    np.add.at(edges, (rows, np.minimum(right, width - 1) + 1), -1)
    mask |= np.cumsum(edges, axis=1)[:, :width] > 0
