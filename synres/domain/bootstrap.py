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


def bootstrap(
    ratios: SceneRatios, seed: int, resamples: int = 2000, level: float = 0.95
) -> list[Bounds | None]:
    """Percentile interval of each row's ratio, from draws that all rows share; None where it is undefined.

    A row may be a seed, a measure or a definition. A draw without anything to divide by (no empty target
    among its scenes, for N-acc) is left out.
    """
    above, below = _draw(ratios, rng(seed, "bootstrap"), resamples)
    return [_bounds(a[b > 0] / b[b > 0], level) for a, b in zip(above, below, strict=True)]


def bootstrap_differences(
    ours: SceneRatios, theirs: SceneRatios, seed: int, resamples: int = 2000, level: float = 0.95
) -> list[Interval | None]:
    """As `bootstrap`, of ours - theirs row by row, both on the same scenes in each draw."""
    _check_alike(ours, theirs)
    both = stack([ours, theirs])
    above, below = _draw(both, rng(seed, "bootstrap"), resamples)
    rows, found = ours.above.shape[0], list[Interval | None]()
    for mine, other in zip(range(rows), range(rows, 2 * rows), strict=True):
        defined = (below[mine] > 0) & (below[other] > 0)
        drawn = above[mine, defined] / below[mine, defined] - above[other, defined] / below[other, defined]
        bounds = _bounds(drawn, level)
        sums = [float(part[row].sum()) for row in (mine, other) for part in (both.above, both.below)]
        measured = sums[0] / sums[1] - sums[2] / sums[3] if bounds else 0.0
        found.append(Interval(measured, bounds.low, bounds.high) if bounds else None)
    return found


def _draw(ratios: SceneRatios, generator: np.random.Generator, resamples: int) -> tuple[Floats, Floats]:
    """(rows, draws) each: sums above and below with the scenes drawn anew."""
    scenes = ratios.above.shape[1]
    drawn = (
        [(ratios.above @ w, ratios.below @ w) for w in _weights(generator, scenes, resamples)]
        if scenes
        else []
    )
    if not drawn:
        return np.zeros((len(ratios.above), 0)), np.zeros((len(ratios.above), 0))
    above, below = (np.concatenate(part, axis=1) for part in zip(*drawn, strict=True))
    return above, below


def _bounds(drawn: Floats, level: float) -> Bounds | None:
    if not drawn.size:
        return None
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Bounds(float(low), float(high))


def stack(ratios: Sequence[SceneRatios]) -> SceneRatios:
    """Rows of all, which are over the same scenes."""
    return SceneRatios(np.concatenate([r.above for r in ratios]), np.concatenate([r.below for r in ratios]))


def paired_bootstrap(
    ours: SceneRatios, theirs: SceneRatios, seed: int, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Difference ours - theirs with its percentile interval; None where a ratio is undefined.

    Scenes are drawn with replacement, the same for both arms and for every seed (a scene's expressions
    stay together), and seeds too when there are several. With three seeds an interval says little about
    seeds: report them beside it.
    """
    _check_alike(ours, theirs)
    seeds, scenes = ours.above.shape
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


def _check_alike(ours: SceneRatios, theirs: SceneRatios) -> None:
    if theirs.above.shape != ours.above.shape:
        raise InvalidInput(
            f"arms to compare have {ours.above.shape} and {theirs.above.shape} seeds and scenes"
        )


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
