"""Where the objects of a new scene stand, chosen before a pixel is painted. Lengths are studio pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synres.data.colours import VIVID
from synres.data.cutouts import Cutout, Studio
from synres.ports import Mask

DISTRACTORS = (2, 4)
EXTRAS = (1, 3)
"""Fewest and most objects beside the target on a cleared ground; and copies pasted into another photo."""
DYED_SHARE = 0.35
TWIN_SHARE = 0.3
_TRIES = 10
_Point = tuple[float, float]
"""(y, x)."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One object of a scene: cut-out number, colour to dye it ("" none), and how it stands.

    `stays`: it is the photo's own, seen where it always was.
    """

    index: int
    colour: str
    centre: _Point
    scale: float = 1.0
    mirrored: bool = False
    angle_deg: float = 0.0
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What a scene has to show: the target in a colour ("" its own), and `others` beside it.

    `boldness` in 0..1 says how far the scene may leave the photo's own layout; at 0 it is the photo's.
    """

    target: int | None = None
    colour: str = ""
    others: frozenset[int] = frozenset()
    boldness: float = 1.0

    @property
    def shown(self) -> frozenset[int]:
        """Target and others."""
        return self.others if self.target is None else self.others | {self.target}


def place_objects(studio: Studio, wish: Wish, rng: np.random.Generator) -> list[Placed]:
    """Every object of the scene; the target, if any, comes first."""
    plan = _plan_cleared if studio.cleared else _plan_kept
    return plan(studio, wish, rng)


def _plan_cleared(studio: Studio, wish: Wish, rng: np.random.Generator) -> list[Placed]:
    taken = np.zeros(studio.ground.shape[:2], np.bool_)
    placed = []
    for number, index in enumerate(_choose(studio, wish, rng)):
        is_target = number == 0 and wish.target is not None
        colour = wish.colour if is_target else _some_colour(wish, rng)
        placed.append(_stand(studio, index, colour, wish.boldness, taken, rng))
    return placed


def _choose(studio: Studio, wish: Wish, rng: np.random.Generator) -> list[int]:
    """Target and wished others, then distractors; now and then a twin of one of them."""
    first = [] if wish.target is None else [wish.target]
    chosen = first + sorted(wish.shown - set(first))
    count = len(first) + int(rng.integers(DISTRACTORS[0], DISTRACTORS[1] + 1))
    chosen += _draw(studio, chosen, max(0, count - len(chosen)), rng)
    twin = wish.boldness > 0.5 and rng.random() < TWIN_SHARE
    return [*chosen, chosen[0]] if twin and chosen else chosen


def _plan_kept(studio: Studio, wish: Wish, rng: np.random.Generator) -> list[Placed]:
    """All objects stay, some dyed; copies of a few are pasted beside them, at their own height."""
    placed = []
    for index in sorted(range(len(studio.cutouts)), key=lambda i: i != wish.target):
        colour = wish.colour if index == wish.target else _some_colour(wish, rng)
        placed.append(Placed(index, colour, studio.cutouts[index].centre, stays=True))
    count = int(rng.integers(EXTRAS[0], EXTRAS[1] + 1)) if wish.boldness > 0 else 0
    for index in _draw(studio, [], count, rng):
        taken = studio.covered_except(studio.cutouts[index].on_top_of)
        placed.append(_stand(studio, index, _some_colour(wish, rng), wish.boldness, taken, rng))
    return placed


def _draw(studio: Studio, but: Sequence[int], count: int, rng: np.random.Generator) -> list[int]:
    """Up to `count` different cut-outs; those that are whole come more often."""
    weights = np.array(
        [cutout.whole + 0.1 if studio.can_stand_alone(i) else 0.0 for i, cutout in enumerate(studio.cutouts)]
    )
    weights[list(but)] = 0
    usable = min(count, int(np.count_nonzero(weights)))
    if not usable:
        return []
    drawn = rng.choice(len(weights), usable, replace=False, p=weights / weights.sum())
    return [int(index) for index in drawn]


def _some_colour(wish: Wish, rng: np.random.Generator) -> str:
    dyed = rng.random() < DYED_SHARE * min(1.0, 2 * wish.boldness)
    return VIVID[int(rng.integers(len(VIVID)))] if dyed else ""


def _stand(
    studio: Studio, index: int, colour: str, boldness: float, taken: Mask, rng: np.random.Generator
) -> Placed:
    """Finds the spot of a few that hides least, and marks it as taken."""
    cutout = studio.cutouts[index]
    spread = boldness if studio.cleared else boldness / 3
    scale = float(np.exp(np.clip(0.18 * spread * rng.standard_normal(), -0.4, 0.4)))
    mirrored = bool(rng.random() < 0.5 * boldness)
    angle = float(np.clip(12 * boldness * rng.standard_normal(), -25, 25)) if studio.cleared else 0.0
    size = scale * cutout.alpha.shape[0], scale * cutout.alpha.shape[1]
    spots = [
        _pinned(studio, cutout, mirrored, size, _spot(studio, cutout, boldness, rng))
        for _ in range(_TRIES if boldness else 1)
    ]
    centre = min(spots, key=lambda spot: int(taken[_box(spot, size)].sum()))
    taken[_box(centre, size)] = True
    return Placed(index, colour, centre, scale, mirrored, angle)


def _spot(studio: Studio, cutout: Cutout, boldness: float, rng: np.random.Generator) -> _Point:
    """Near the object's own place or, the bolder the more often, anywhere that objects were.

    In a photo that keeps its objects a copy stays at its own height: there what it lacks is hidden again.
    """
    height, width = studio.ground.shape[:2]
    y, x = cutout.centre
    if rng.random() < boldness:
        rows, columns = cutout.alpha.shape
        top, left, bottom, right = studio.region
        y, x = _inside(top, bottom, rows, rng), _inside(left, right, columns, rng)
    dy, dx = 0.06 * boldness * rng.standard_normal(2)
    return (y + dy * height if studio.cleared else cutout.centre[0]), x + dx * width


def _inside(low: int, high: int, length: int, rng: np.random.Generator) -> float:
    margin = min(length, high - low) / 2
    return float(rng.uniform(low + margin, high - margin))


def _pinned(studio: Studio, cutout: Cutout, mirrored: bool, size: _Point, spot: _Point) -> _Point:
    """Moves a spot so that all is seen; what the photo's border cuts stays at that border."""
    height, width = studio.ground.shape[:2]
    rows, columns = cutout.alpha.shape
    top, left = cutout.corner
    cut_left, cut_right = left == 0, left + columns == width
    if mirrored:
        cut_left, cut_right = cut_right, cut_left
    y = height - size[0] / 2 if top + rows == height else spot[0]
    x = size[1] / 2 if cut_left else width - size[1] / 2 if cut_right else spot[1]
    return _between(y, size[0], height), _between(x, size[1], width)


def _between(place: float, length: float, side: int) -> float:
    room = min(length, side) / 2
    return min(max(place, room), side - room)


def _box(centre: _Point, size: _Point) -> tuple[slice, slice]:
    (y, x), (height, width) = centre, size
    return (
        slice(max(0, int(y - height / 2)), max(0, int(y + height / 2))),
        slice(max(0, int(x - width / 2)), max(0, int(x + width / 2))),
    )
