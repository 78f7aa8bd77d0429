"""Mosaic: one real and three to eight synthetic tiles in one picture, masks and expressions moved along.

The layout is pure geometry; tiles come in at the size of their boxes, because only the caller knows how its
pictures are best resized (masks: by nearest neighbour). Four to nine tiles fill two or three rows of two or
three columns each, so that no cell stays empty: 5 is 2 + 3, 7 is 2 + 2 + 3, 8 is 2 + 3 + 3.
An expression that two tiles share (by its plain words) names both targets. That it may also fit an object
of another tile which nobody described so is noise that the method lives with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synres.domain.seeds import rng
from synres.domain.types import Expression
from synres.domain.words import plain_words
from synres.errors import InvalidInput

_ROWS = {4: (2, 2), 5: (2, 3), 6: (3, 3), 7: (2, 2, 3), 8: (2, 3, 3), 9: (3, 3, 3)}


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of one tile in the mosaic."""

    top: int
    left: int
    height: int
    width: int

    def of(self, array: NDArray[Any]) -> NDArray[Any]:
        """These pixels of an array (H, W, ...); no copy."""
        return array[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture with its targets; a mosaic is one too.

    `image`: (H, W, 3) uint8. `targets`: expression -> (H, W) bool mask.
    """

    image: NDArray[np.uint8]
    targets: dict[Expression, NDArray[np.bool_]]


def plan_mosaic(seed: int, tiles: int, size: tuple[int, int]) -> tuple[Box, ...]:
    """One box for each tile (tile 0 is the real one), in a drawn order; together they fill (height, width).

    Rows of unlike length come in a drawn order, and half of the layouts are turned by 90 degrees. Raises
    InvalidInput for another number of tiles or a size that has no room for them.
    """
    if tiles not in _ROWS or min(size) < 3:
        raise InvalidInput(
            f"a mosaic of {tiles} tiles in {size} is impossible; use 4 to 9 tiles, 3 pixels or more"
        )
    generator = rng(seed, "mosaic")
    columns = generator.permutation(_ROWS[tiles]).tolist()
    turned = bool(generator.integers(2))
    boxes = _cells(columns, size[::-1] if turned else size)
    if turned:
        boxes = [Box(box.left, box.top, box.width, box.height) for box in boxes]
    return tuple(boxes[k] for k in generator.permutation(tiles))


def compose_mosaic(layout: Sequence[Box], tiles: Sequence[Tile]) -> Tile:
    """Pastes each tile into its box; an expression that tiles share gets the union of its masks.

    The first spelling of an expression is kept. Raises InvalidInput when a tile or one of its masks does
    not have the size of its box.
    """
    height = max(box.top + box.height for box in layout)
    width = max(box.left + box.width for box in layout)
    image = np.zeros((height, width, 3), np.uint8)
    spelling: dict[tuple[str, ...], Expression] = {}
    targets: dict[Expression, NDArray[np.bool_]] = {}
    for box, tile in zip(layout, tiles, strict=True):
        _check(tile, box)
        box.of(image)[:] = tile.image
        for expression, mask in tile.targets.items():
            name = spelling.setdefault(plain_words(expression) or (expression,), expression)
            whole = targets.setdefault(name, np.zeros((height, width), np.bool_))
            box.of(whole)[:] |= mask
    return Tile(image, targets)


def _cells(columns: Sequence[int], size: tuple[int, int]) -> list[Box]:
    rows = _cuts(size[0], len(columns))
    return [
        Box(top, left, bottom - top, right - left)
        for (top, bottom), count in zip(rows, columns, strict=True)
        for left, right in _cuts(size[1], count)
    ]


def _cuts(length: int, parts: int) -> list[tuple[int, int]]:
    """[start, end) of nearly equal parts."""
    edges = [length * k // parts for k in range(parts + 1)]
    return list(pairwise(edges))


def _check(tile: Tile, box: Box) -> None:
    for array in (tile.image[..., 0], *tile.targets.values()):
        if array.shape != (box.height, box.width):
            raise InvalidInput(
                f"a tile of {array.shape} does not fit its box of {box.height} x {box.width}; resize it"
            )
