"""Polygons on whole pixels, against pictures that OpenCV 4 drew (polylines over fillPoly)."""

from __future__ import annotations

import numpy as np
import pytest

from synres.data.readers.polygons import fill_polygon
from synres.data.readers.shapes import Shape, draw_shapes
from synres.errors import RejectedItem

SIZE = (12, 16)
DRAWN = [
    ([(1, 2), (13, 1), (15, 6), (9, 10), (2, 8)], """
................
........######..
.#############..
.##############.
.##############.
.###############
..##############
..#############.
..###########...
....########....
........##......
................"""),
    ([(2, 1), (13, 10), (13, 2), (2, 9)], """
................
..#.............
..##.........#..
..####.....###..
..#####...####..
..############..
..############..
..####...#####..
..###.....####..
..#.........##..
.............#..
................"""),
    ([(0, 5), (15, 4), (7, 11)], """
................
................
................
................
........########
###############.
.#############..
..###########...
...#########....
.....#####......
......###.......
.......#........"""),
    ([(3, 3), (12, 6)], """
................
................
................
...##...........
.....###........
........###.....
...........##...
................
................
................
................
................"""),
]  # fmt: skip


@pytest.mark.parametrize(("corners", "drawn"), DRAWN, ids=range(len(DRAWN)))
def test_every_pixel_is_where_opencv_draws_it(corners: list[tuple[int, int]], drawn: str) -> None:
    """Slanted outlines, an outline that crosses itself, a spike, a line."""
    mask = fill_polygon(np.array(corners), SIZE)
    assert ["".join(".#"[pixel] for pixel in row) for row in mask.astype(int)] == drawn.split()


def test_what_lies_outside_is_cut_and_one_corner_is_a_pixel() -> None:
    """A polygon around the picture fills it; a single corner is one pixel; none is nothing."""
    assert fill_polygon(np.array([(-5, -5), (30, -5), (30, 30), (-5, 30)]), SIZE).all()
    assert fill_polygon(np.array([(4, 5)]), SIZE).sum() == 1
    assert not fill_polygon(np.zeros((0, 2), np.int64), SIZE).any()


@pytest.mark.parametrize(
    "points",
    [[(1e9, 0.0)], [(float("nan"), 0.0)], [(-16.0, 0.0), (30.0, 0.0)] * 20],
    ids=["far", "nan", "long"],
)
def test_wild_corners_are_refused(points: list[tuple[float, float]]) -> None:
    """Corners that would cost memory, or are no numbers, are no shape."""
    with pytest.raises(RejectedItem):
        draw_shapes((Shape("target", points),), SIZE)
