"""Fills holes of a photograph with patches from around them, so that removed objects leave a ground.

Patch search by random tries and propagation: Barnes et al., PatchMatch, SIGGRAPH 2009; coarse to fine with
votes: Wexler et al., PAMI 2007. Sources far above or below a hole cost more, since what lies in a photograph
(sky, wall, floor) changes with height more than with width.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synres.data.pixels import Floats, dilate, enlarge, resize_image, resize_mask, spread
from synres.ports import Image, Mask

Places = NDArray[np.int64]
"""(N,) rows or columns, one for each pixel of the hole."""

_PATCH = tuple((dy, dx) for dy in (-3, -1, 1, 3) for dx in (-3, -1, 1, 3))
_REACH = 3
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
_COARSEST = 40
_HEIGHT_COST = 6.0
_SEAM_LIMIT = 25.0


def fill(image: Image, hole: Mask, seed: int = 0) -> Image:
    """(H, W, 3) uint8 -> the same with the pixels of `hole` (H, W) made up; pure in its arguments.

    Without a hole, or without a pixel to copy from, the picture comes back as it is.
    """
    if not hole.any() or hole.all():
        return image
    rng = np.random.Generator(np.random.PCG64(seed))
    sizes = [(hole.shape[0], hole.shape[1])]
    while min(sizes[-1]) >= 2 * _COARSEST:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    level = None
    for depth, size in reversed(list(enumerate(sizes))):
        level = _Level.start(resize_image(image, size), resize_mask(hole, size, 0.0), 2.0**depth, level, rng)
        level.refine(1 + 2 * min(depth, 3), rounds=3 if depth else 1)
    return image if level is None else _without_seam(image, level.pixels, hole)


@dataclass(slots=True)
class _Level:
    """One scale. Hole pixel i, at (rows[i], columns[i]), copies that at (from_rows[i], from_columns[i])."""

    pixels: Floats
    hole: Mask
    allowed: Mask
    scale: float
    rng: np.random.Generator
    rows: Places
    columns: Places
    from_rows: Places
    from_columns: Places
    cost: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    @classmethod
    def start(
        cls, image: Image, hole: Mask, scale: float, coarser: _Level | None, rng: np.random.Generator
    ) -> _Level:
        """Guesses from the coarser level; the coarsest from a smooth spread and random sources."""
        away = ~dilate(hole, _REACH)
        allowed = away if away.any() else ~hole
        rows, columns = np.nonzero(hole)
        pixels = image.astype(np.float32)
        if coarser is None:
            return cls(
                spread(pixels, ~hole), hole, allowed, scale, rng, rows, columns, *_any(allowed, rows, rng)
            )
        guess = enlarge(coarser.pixels, (hole.shape[0], hole.shape[1]))
        pixels = np.where(hole[..., None], guess, pixels)
        coarse_rows, coarse_columns = (grid[rows // 2, columns // 2] for grid in coarser.sources())
        from_rows = np.clip(2 * coarse_rows + rows % 2, 0, hole.shape[0] - 1)
        from_columns = np.clip(2 * coarse_columns + columns % 2, 0, hole.shape[1] - 1)
        lost = ~allowed[from_rows, from_columns]
        from_rows[lost], from_columns[lost] = _any(allowed, rows[lost], rng)
        return cls(pixels, hole, allowed, scale, rng, rows, columns, from_rows, from_columns)

    def refine(self, votes: int, rounds: int) -> None:
        """Searches better sources, then averages what overlapping patches say; `votes` times."""
        for _ in range(votes):
            padded = np.pad(self.pixels, ((_REACH, _REACH), (_REACH, _REACH), (0, 0)), mode="edge")
            everything = np.arange(len(self.rows))
            self.cost = self._cost(padded, everything, self.from_rows, self.from_columns)
            for step in range(rounds):
                self._propagate(padded, 2**step)
                self._scatter(padded)
            self._vote()

    def sources(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(H, W) rows and columns that each pixel copies from; its own outside the hole."""
        rows, columns = np.mgrid[: self.hole.shape[0], : self.hole.shape[1]]
        rows[self.rows, self.columns] = self.from_rows
        columns[self.rows, self.columns] = self.from_columns
        return rows, columns

    def _propagate(self, padded: Floats, step: int) -> None:
        """Tries the neighbours' sources, moved along."""
        height, width = self.hole.shape
        for dy, dx in _STEPS:
            from_rows, from_columns = self.sources()
            y = np.clip(self.rows + step * dy, 0, height - 1)
            x = np.clip(self.columns + step * dx, 0, width - 1)
            self._try(padded, from_rows[y, x] - step * dy, from_columns[y, x] - step * dx)

    def _scatter(self, padded: Floats) -> None:
        """Tries random places around each source, in ever smaller windows."""
        height, width = self.hole.shape
        for share in (2, 6, 24):
            reach_y, reach_x = 1 + height // (4 * share), 1 + width // share
            count = len(self.rows)
            dy = self.rng.integers(-reach_y, reach_y + 1, count)
            dx = self.rng.integers(-reach_x, reach_x + 1, count)
            self._try(padded, self.from_rows + dy, self.from_columns + dx)

    def _try(self, padded: Floats, rows: Places, columns: Places) -> None:
        rows = np.clip(rows, 0, self.hole.shape[0] - 1)
        columns = np.clip(columns, 0, self.hole.shape[1] - 1)
        chosen = np.flatnonzero(self.allowed[rows, columns])
        cost = self._cost(padded, chosen, rows[chosen], columns[chosen])
        better = cost < self.cost[chosen]
        won = chosen[better]
        self.cost[won] = cost[better]
        self.from_rows[won], self.from_columns[won] = rows[won], columns[won]

    def _cost(self, padded: Floats, chosen: Places, rows: Places, columns: Places) -> NDArray[np.float32]:
        """Squared colour distance of two patches, and of their heights in pixels of the full picture."""
        width = padded.shape[1]
        flat = padded.reshape(-1, 3)
        here = (self.rows[chosen] + _REACH) * width + self.columns[chosen] + _REACH
        there = (rows + _REACH) * width + columns + _REACH
        total = np.zeros(len(chosen), np.float32)
        for dy, dx in _PATCH:
            difference = flat[here + dy * width + dx] - flat[there + dy * width + dx]
            total += np.einsum("ij,ij->i", difference, difference)
        rise = (rows - self.rows[chosen]).astype(np.float32) * self.scale
        return total + np.float32(_HEIGHT_COST * len(_PATCH)) * rise * rise

    def _vote(self) -> None:
        from_rows, from_columns = self.sources()
        height, width = self.hole.shape
        total = np.zeros((len(self.rows), 3), np.float32)
        votes = np.zeros(len(self.rows), np.float32)
        for dy, dx in ((0, 0), *_STEPS):
            y, x = np.clip(self.rows + dy, 0, height - 1), np.clip(self.columns + dx, 0, width - 1)
            from_y = np.clip(from_rows[y, x] - dy, 0, height - 1)
            from_x = np.clip(from_columns[y, x] - dx, 0, width - 1)
            real = ~self.hole[from_y, from_x]
            total += self.pixels[from_y, from_x] * real[:, None]
            votes += real
        self.pixels[self.rows, self.columns] = total / np.maximum(votes, 1)[:, None]


def _any(allowed: Mask, like: Places, rng: np.random.Generator) -> tuple[Places, Places]:
    rows, columns = np.nonzero(allowed)
    chosen = rng.integers(len(rows), size=len(like))
    return rows[chosen], columns[chosen]


def _without_seam(image: Image, filled: Floats, hole: Mask) -> Image:
    """Adds the difference at the hole's border, spread smoothly over the hole."""
    ring = dilate(hole, 2) & ~hole
    inside = spread(filled, hole)
    step = np.clip(image - inside, -_SEAM_LIMIT, _SEAM_LIMIT).astype(np.float32)
    lift = spread(np.where(ring[..., None], step, 0).astype(np.float32), ring | ~dilate(~hole, 12) & hole)
    return np.where(hole[..., None], np.clip(filled + lift, 0, 255), image).astype(np.uint8)
