"""Intervals of scores and of differences: what theory says, steady gains, and nothing to divide by."""

import numpy as np
import pytest

from synres.domain.bootstrap import (
    Interval,
    bootstrap,
    bootstrap_differences,
    paired_bootstrap,
    scene_ratios,
    stack,
)
from synres.domain.metrics import MaskCounts
from synres.errors import InvalidInput


def arm(rng: np.random.Generator, gain: int, seeds: int = 1) -> list[list[MaskCounts]]:
    return [
        [MaskCounts(int(v) + gain, 100, True, False) for v in rng.integers(20, 60, 200)] for _ in range(seeds)
    ]


def test_bootstrap_finds_a_steady_gain() -> None:
    """Ten points better on every expression: the difference is ten points, with no width at all."""
    scenes = [f"scene{i // 4}" for i in range(200)]
    ours, theirs = (
        scene_ratios(arm(np.random.default_rng(0), gain), scenes, "gres", "giou") for gain in (10, 0)
    )
    interval = paired_bootstrap(ours, theirs, seed=0)
    assert interval == Interval(*[pytest.approx(0.1)] * 3)


@pytest.mark.parametrize("measure", ["giou", "ciou"])
def test_bootstrap_of_unrelated_arms_covers_zero(measure: str) -> None:
    """Two arms of the same skill: the interval holds nought, and the same seed gives the same interval."""
    scenes = [f"scene{i // 4}" for i in range(200)]
    ours, theirs = (
        scene_ratios(arm(np.random.default_rng(s), 0, seeds=3), scenes, "gres", measure) for s in (1, 2)
    )
    interval = paired_bootstrap(ours, theirs, seed=5)
    assert interval is not None
    assert interval.low < 0 < interval.high
    assert interval.low < interval.difference < interval.high
    assert interval == paired_bootstrap(ours, theirs, seed=5)


@pytest.mark.parametrize("measure", ["giou", "ciou"])
def test_an_arm_does_not_differ_from_itself(measure: str) -> None:
    """Unions and scenes of unlike size, in both parts of the ratio: any draw of scenes gives nought."""
    rng = np.random.default_rng(2)
    counts = [MaskCounts(int(rng.integers(union)), int(union), True, False) for union in range(1, 200)]
    ratios = scene_ratios([counts], [f"scene{int(i**0.5)}" for i in range(199)], "gres", measure)
    assert paired_bootstrap(ratios, ratios, seed=0) == Interval(*[pytest.approx(0, abs=1e-12)] * 3)


def test_seeds_are_drawn_anew_with_the_scenes() -> None:
    """One seed wins ten points everywhere, the other loses them: the interval reaches from here to there."""
    scenes = [f"scene{i:03d}" for i in range(200)]
    base = arm(np.random.default_rng(0), 0)[0]
    other = [MaskCounts(one.intersection - 10, one.union, True, False) for one in base]
    better = [MaskCounts(one.intersection + 10, one.union, True, False) for one in base]
    ours, theirs = (scene_ratios(seeds, scenes, "gres", "giou") for seeds in ([better, other], [base, base]))
    interval = paired_bootstrap(ours, theirs, seed=0)
    assert interval == Interval(*(pytest.approx(value, abs=1e-9) for value in (0, -0.1, 0.1)))


def test_bootstrap_width_is_that_of_theory() -> None:
    """One expression a scene: the interval is about 3.92 standard errors wide."""
    rng = np.random.default_rng(3)
    values = rng.integers(0, 101, (2, 400))
    arms = [[MaskCounts(int(v), 100, True, False) for v in row] for row in values]
    scenes = [f"scene{i:03d}" for i in range(400)]
    ours, theirs = (scene_ratios([counts], scenes, "gres", "giou") for counts in arms)
    interval = paired_bootstrap(ours, theirs, seed=0, resamples=4000)
    assert interval is not None
    standard_error = np.std((values[0] - values[1]) / 100) / np.sqrt(400)
    assert interval.high - interval.low == pytest.approx(3.92 * standard_error, rel=0.06)


def test_bootstrap_of_an_undefined_ratio_is_undefined() -> None:
    """No union in any scene leaves nothing to compare, and arms of unlike shape are refused."""
    nothing = scene_ratios([[MaskCounts(0, 0, False, True)]], ["scene"], "gres", "ciou")
    assert paired_bootstrap(nothing, nothing, seed=0) is None
    two = scene_ratios([[MaskCounts(0, 0, False, True)] * 2], ["a", "b"], "gres", "ciou")
    with pytest.raises(InvalidInput, match="seeds and scenes"):
        paired_bootstrap(nothing, two, seed=0)


def test_interval_of_one_arm_is_that_of_theory() -> None:
    """One expression a scene: about 3.92 standard errors wide, around the mean; the same for equal seeds."""
    values = np.random.default_rng(3).integers(0, 101, 400)
    counts = [MaskCounts(int(v), 100, True, False) for v in values]
    ratios = scene_ratios([counts], [f"scene{i:03d}" for i in range(400)], "gres", "giou")
    (bounds,) = bootstrap(ratios, seed=0, resamples=4000)
    assert bounds is not None
    assert bounds.low < values.mean() / 100 < bounds.high
    assert bounds.high - bounds.low == pytest.approx(3.92 * np.std(values / 100) / 20, rel=0.06)
    assert [bounds] == bootstrap(ratios, seed=0, resamples=4000)


def test_expressions_of_a_scene_are_drawn_together() -> None:
    """Ten expressions that fare alike in each of 40 scenes tell no more than one of each would."""
    values = np.random.default_rng(5).integers(0, 101, 40)
    scenes = [f"scene{i:02d}" for i in range(40)]
    once = [MaskCounts(int(v), 100, True, False) for v in values]
    (one,) = bootstrap(scene_ratios([once], scenes, "gres", "giou"), seed=1)
    (ten,) = bootstrap(scene_ratios([once * 10], scenes * 10, "gres", "giou"), seed=1)
    assert one is not None and ten is not None
    assert (ten.low, ten.high) == (pytest.approx(one.low), pytest.approx(one.high))


def test_draws_with_nothing_to_divide_by_are_left_out() -> None:
    """One empty target among five scenes: N-acc has bounds; without any it has none."""
    counts = [MaskCounts(0, 0, False, True), *[MaskCounts(1, 2, True, False)] * 4]
    (bounds,) = bootstrap(scene_ratios([counts], list("abcde"), "gres", "n_acc"), seed=0)
    assert bounds is not None and (bounds.low, bounds.high) == (1, 1)
    assert bootstrap(scene_ratios([counts[1:]], list("bcde"), "gres", "n_acc"), seed=0) == [None]


def test_rows_share_their_draws() -> None:
    """Several measures at once have the intervals that each has alone; a difference is that of the pair."""
    scenes = [f"scene{i // 4}" for i in range(200)]
    ours, theirs = (arm(np.random.default_rng(s), 0)[0] for s in (1, 2))
    pairs = [
        [scene_ratios([a], scenes, "gres", m) for m in ("giou", "ciou", "n_acc")] for a in (ours, theirs)
    ]
    for found, one in zip(bootstrap(stack(pairs[0]), seed=3), pairs[0], strict=True):
        (alone,) = bootstrap(one, seed=3)
        assert (found and (found.low, found.high)) == (alone and pytest.approx((alone.low, alone.high)))
    giou, ciou, n_acc = bootstrap_differences(stack(pairs[0]), stack(pairs[1]), seed=3)
    assert n_acc is None and giou is not None and ciou is not None
    expected = np.mean([c.intersection / 100 for c in ours]) - np.mean([c.intersection / 100 for c in theirs])
    assert giou.difference == pytest.approx(expected) and giou.low < giou.difference < giou.high
    assert bootstrap_differences(stack(pairs[0]), stack(pairs[0]), seed=3)[0] == Interval(0, 0, 0)


def test_nothing_has_no_interval() -> None:
    """A benchmark without expressions has no scenes to draw."""
    assert bootstrap(scene_ratios([[]], [], "lisa", "giou"), seed=0) == [None]
