"""What stands in a picture, before it is drawn. Positions and radii are pixels; angles are radians.

`random_scene` draws uniform attributes; `place` finds room for objects of given attributes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from synres.microworld.vocabulary import COLOURS, DAY, SHAPES, SIZES, TEXTURES

SIDE = 96
AERIAL_SCALE = 0.55
_TRIES = 60


@dataclass(frozen=True, slots=True)
class Attributes:
    """What an expression can say of an object, its place aside."""

    shape: str
    colour: str
    texture: str
    size: str


@dataclass(frozen=True, slots=True)
class SceneObjectSpec:
    """One object: attributes, centre (x to the right, y downwards) and radius in pixels, angle in radians."""

    shape: str
    colour: str
    texture: str
    size: str
    x: float
    y: float
    angle: float
    radius: float

    @property
    def attributes(self) -> Attributes:
        return Attributes(self.shape, self.colour, self.texture, self.size)


@dataclass(frozen=True, slots=True)
class Scene:
    """Objects from the back to the front. `background` seeds ground, shading and noise."""

    objects: tuple[SceneObjectSpec, ...]
    background: int
    domain: str = DAY
    side: int = SIDE


def random_attributes(rng: np.random.Generator) -> Attributes:
    """Uniform over shapes, colours, textures and sizes."""
    return Attributes(
        SHAPES[rng.integers(len(SHAPES))],
        tuple(COLOURS)[rng.integers(len(COLOURS))],
        TEXTURES[rng.integers(len(TEXTURES))],
        tuple(SIZES)[rng.integers(len(SIZES))],
    )


def random_scene(
    rng: np.random.Generator, objects: tuple[int, int] = (5, 8), domain: str = DAY, side: int = SIDE
) -> Scene:
    """A scene of `objects[0]` to `objects[1]` objects (both included) with uniform attributes."""
    count = int(rng.integers(objects[0], objects[1] + 1))
    return place(rng, [random_attributes(rng) for _ in range(count)], domain, side)


def place(
    rng: np.random.Generator, attributes: Sequence[Attributes], domain: str = DAY, side: int = SIDE
) -> Scene:
    """Puts every object somewhere with as little overlap as a few tries find. Keeps the order given: back
    to front."""
    scale = AERIAL_SCALE if domain == "aerial" else 1.0
    placed: list[SceneObjectSpec] = []
    for item in attributes:
        low, high = SIZES[item.size]
        placed.append(_find_room(rng, item, scale * float(rng.uniform(low, high)), placed, side))
    return Scene(tuple(placed), int(rng.integers(2**31)), domain, side)


def _find_room(
    rng: np.random.Generator, item: Attributes, radius: float, placed: Sequence[SceneObjectSpec], side: int
) -> SceneObjectSpec:
    margin = 0.9 * radius
    spots = rng.uniform(margin, side - margin, (_TRIES, 2))
    best, best_gap = spots[0], -math.inf
    for spot in spots:
        gap = min(
            (math.hypot(spot[0] - o.x, spot[1] - o.y) - 0.95 * (radius + o.radius) for o in placed),
            default=1.0,
        )
        if gap > best_gap:
            best, best_gap = spot, gap
        if gap >= 0:
            break
    angle = float(rng.uniform(0, 2 * math.pi))
    return SceneObjectSpec(
        item.shape, item.colour, item.texture, item.size, float(best[0]), float(best[1]), angle, radius
    )


def moved(spec: SceneObjectSpec, x: float, y: float) -> SceneObjectSpec:
    """The same object with its centre at (x, y)."""
    return replace(spec, x=x, y=y)
