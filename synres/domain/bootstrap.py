"""How sure a score is: percentile intervals from scenes drawn anew, of one arm and of two arms' difference.

Expressions of one picture share its fate, so scenes are drawn and not expressions: intervals that took
expressions for independent would be too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synres.domain.metrics import Floats, MaskCounts, parts_of
from synres.domain.seeds import rng
from synres.errors import InvalidInput

_AT_ONCE = 250
"""Draws whose weights are in memory together."""


@dataclass(frozen=True, slots=True)
class SceneRatios:
    """A ratio in parts: (seeds, scenes) float64 each. The ratio of a seed is sum(above) / sum(below)."""

    above: Floats
    below: Floats


@dataclass(frozen=True, slots=True)
class Interval:
    """`difference` as measured; `low` and `high` bound it."""

    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one score."""

    low: float
    high: float


def scene_ratios(
    seeds: Sequence[Sequence[MaskCounts]], scenes: Sequence[str], definition: str, measure: str
) -> SceneRatios:
    """Sums a measure by scene. `scenes` names each expression's scene, the same for every seed."""
    names, places = np.unique(np.asarray(scenes), return_inverse=True)
    above, below = np.zeros((2, len(seeds), len(names)))
    for row, counts in enumerate(seeds):
        parts = parts_of(counts, definition, measure)
        above[row], below[row] = (np.bincount(places, part, len(names)) for part in parts)
    return SceneRatios(above, below)


def bootstrap(ratios: SceneRatios, seed: int, resamples: int = 2000, level: float = 0.95) -> Bounds | None:
    """Percentile interval of one arm's ratio, of one seed; None where it is undefined.

    A draw without anything to divide by (no empty target among its scenes, for N-acc) is left out.
    """
    if not ratios.below.any():
        return None
    generator, scenes = rng(seed, "bootstrap"), ratios.above.shape[1]
    drawn = [
        (ratios.above @ weights, ratios.below @ weights) for weights in _weights(generator, scenes, resamples)
    ]
    above, below = (np.concatenate(part, axis=1)[0] for part in zip(*drawn, strict=True))
    low, high = np.quantile(above[below > 0] / below[below > 0], [(1 - level) / 2, (1 + level) / 2])
    return Bounds(float(low), float(high))


def paired_bootstrap(
    ours: SceneRatios, theirs: SceneRatios, seed: int, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Difference ours - theirs with its percentile interval; None where a ratio is undefined.

    Scenes are drawn with replacement, the same for both arms and for every seed (a scene's expressions
    stay together), and seeds too when there are several. With three seeds an interval says little about
    seeds: report them beside it.
    """
    seeds, scenes = ours.above.shape
    if theirs.above.shape != (seeds, scenes):
        raise InvalidInput(
            f"arms to compare have {ours.above.shape} and {theirs.above.shape} seeds and scenes"
        )
    generator = rng(seed, "paired_bootstrap")
    parts = [_difference(ours, theirs, weights) for weights in _weights(generator, scenes, resamples)]
    seed_weights = generator.multinomial(seeds, np.full(seeds, 1 / seeds), resamples).T
    measured = _difference(ours, theirs, np.ones((scenes, 1)))
    defined = [part for part in parts if part is not None]
    if measured is None or len(defined) < len(parts):
        return None
    drawn = np.concatenate(defined, axis=1)
    low, high = np.quantile((drawn * seed_weights).sum(axis=0) / seeds, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(measured.mean()), float(low), float(high))


def _weights(generator: np.random.Generator, scenes: int, resamples: int) -> Iterator[Floats]:
    """How often each scene was drawn, (scenes, draws) each: many scenes are never all in memory at once."""
    chances = np.full(scenes, 1 / scenes)
    for start in range(0, resamples, _AT_ONCE):
        draws = min(_AT_ONCE, resamples - start)
        yield generator.multinomial(scenes, chances, draws).T.astype(np.float64)


def _difference(ours: SceneRatios, theirs: SceneRatios, weights: NDArray[Any]) -> Floats | None:
    """(seeds, draws): each seed's difference with the scenes weighted, None if a denominator is 0."""
    below = ours.below @ weights, theirs.below @ weights
    if not (below[0].all() and below[1].all()):
        return None
    difference: Floats = ours.above @ weights / below[0] - theirs.above @ weights / below[1]
    return difference
