"""The published definitions, against numbers of the original code and against hand-worked counts."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres.domain.metrics import (
    Interval,
    MaskCounts,
    count_logits,
    count_masks,
    paired_bootstrap,
    scene_ratios,
    score,
)
from synres.errors import InvalidInput, RejectedItem

FIXTURES = Path(__file__).parents[2] / "fixtures" / "metrics"
AGGREGATE = json.loads((FIXTURES / "aggregate.json").read_text())
PER_CASE = json.loads((FIXTURES / "per_case.json").read_text())
ORIGINALS = {
    "LISA_validate": ("lisa", 1),
    "GSVA_validate": ("lisa", 1),
    "GSVA_eval_gres": ("gsva", 1),
    "GSVA_eval_gres_dataset_not_grefcoco": ("gsva_not_grefcoco", 1),
    "ReLA": ("gres", 100),
}
FIELDS = {"gIoU": "giou", "cIoU": "ciou", "N_acc": "n_acc", "T_acc": "t_acc"}

counts_strategy = st.builds(
    lambda union, share, has_target, rejected: MaskCounts(
        int(union * share) * has_target, union if union or not has_target else 1, has_target, rejected
    ),
    st.integers(0, 1000),
    st.floats(0, 1),
    st.booleans(),
    st.booleans(),
)


def fixture_counts(case: int, definition: str) -> MaskCounts:
    arrays = np.load(FIXTURES / "cases.npz")
    rejected = PER_CASE[case]["pred_no_target"]
    return count_logits(arrays[f"{case}.logits"], arrays[f"{case}.gt"], rejected, definition)


@pytest.mark.parametrize("case", PER_CASE, ids=lambda case: case["kind"])
def test_pixel_counts_equal_those_of_the_original_code(case: dict) -> None:
    """Intersections and unions of every case are exact for LISA, GSVA and ReLA."""
    lisa = fixture_counts(case["case"], "lisa")
    assert [lisa.intersection, lisa.union] == [case["LISA_validate"][k][1] for k in ("intersection", "union")]
    for original, definition, keys in (
        ("GSVA_eval_gres", "gsva", ("added_intersection", "added_union")),
        ("ReLA", "gres", ("I", "U")),
    ):
        ratios = scene_ratios([[fixture_counts(case["case"], definition)]], ["scene"], definition, "ciou")
        assert [ratios.above[0, 0], ratios.below[0, 0]] == [case[original][key] for key in keys]


@pytest.mark.parametrize("original", ORIGINALS)
@pytest.mark.parametrize("name", AGGREGATE)
def test_scores_equal_those_of_the_original_code(name: str, original: str) -> None:
    """Every set agrees to 1e-6; where the original divides by zero, a score is undefined and none raises."""
    definition, percent = ORIGINALS[original]
    scores = score([fixture_counts(case, definition) for case in AGGREGATE[name]["cases"]], definition)
    expected = AGGREGATE[name][original]
    if "error" in expected:
        assert None in (scores.giou, scores.ciou, scores.n_acc, scores.t_acc, *scores.precision.values())
        return
    for key, value in expected.items():
        found = scores.precision[key[3:]] if key.startswith("Pr@") else getattr(scores, FIELDS[key])
        assert found == pytest.approx(value / (1 if key.endswith("acc") else percent), abs=1e-6)


@pytest.mark.parametrize(
    ("definition", "ciou"), [("lisa", 222 / 665), ("gsva", 222 / 1227), ("gres", 204 / 497)]
)
def test_ciou_of_the_disagreement_table(definition: str, ciou: float) -> None:
    """The sums worked by hand over the whole disagreement table."""
    scores = score([fixture_counts(case, definition) for case in range(len(PER_CASE))], definition)
    assert scores.ciou == pytest.approx(ciou, abs=1e-12)


def test_hand_worked_counts() -> None:
    """Areas 100 and 120 with overlap 80 give 80/140."""
    predicted, target = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    predicted.flat[:100], target.flat[20:140] = True, True
    assert count_masks(predicted, target) == MaskCounts(80, 140, True, False)
    assert score([MaskCounts(80, 140, True, False)], "gres").giou == 80 / 140


def test_empty_mask_is_the_default_rejection() -> None:
    """A model without a word for "no target" rejects by an empty mask; one that has it keeps its word."""
    nothing, something = np.zeros((2, 2), bool), np.ones((2, 2), bool)
    assert count_masks(nothing, something).is_rejected
    assert not count_masks(nothing, something, is_rejected=False).is_rejected


def test_ignored_pixels_leave_both_masks() -> None:
    """Pixels marked ignore are in neither intersection nor union."""
    everything, ignore = np.ones((2, 2), bool), np.array([[True, False], [False, False]])
    assert count_masks(everything, everything, ignore) == MaskCounts(3, 3, True, False)


def test_another_size_is_rejected() -> None:
    """Masks of two sizes have no counts."""
    with pytest.raises(RejectedItem) as caught:
        count_masks(np.ones((2, 3), bool), np.ones((3, 2), bool))
    assert caught.value.reason == "mask_size_mismatch"


@pytest.mark.parametrize("definition", ["lisa", "gsva", "gsva_not_grefcoco", "gres"])
def test_scores_of_nothing_are_undefined(definition: str) -> None:
    """No expression, no number."""
    scores = score([], definition)
    assert (scores.expressions, scores.giou, scores.ciou, scores.n_acc, scores.t_acc) == (
        0,
        None,
        None,
        None,
        None,
    )


def test_unknown_names_are_refused() -> None:
    """A definition or a measure that does not exist is named in the message."""
    with pytest.raises(InvalidInput, match="'coco' is unknown"):
        score([], "coco")
    with pytest.raises(InvalidInput, match="'miou' is unknown"):
        scene_ratios([[]], [], "lisa", "miou")


@given(st.lists(counts_strategy, min_size=1), st.sampled_from(["lisa", "gsva", "gsva_not_grefcoco", "gres"]))
def test_scores_are_fractions_and_order_is_free(counts: list[MaskCounts], definition: str) -> None:
    """Every score lies in [0, 1] and does not depend on the order of expressions."""
    scores, turned = score(counts, definition), score(counts[::-1], definition)
    found = [scores.giou, scores.ciou, scores.n_acc, scores.t_acc, *scores.precision.values()]
    assert all(value is None or 0 <= value <= 1 for value in found)
    assert scores.ciou == turned.ciou
    assert scores.giou == pytest.approx(turned.giou)


@given(st.lists(counts_strategy, min_size=1, max_size=20))
def test_definitions_agree_without_empties_and_rejections(counts: list[MaskCounts]) -> None:
    """Where every target is present and accepted, the three definitions are one."""
    plain = [MaskCounts(c.intersection, max(c.union, 1), True, False) for c in counts]
    lisa, gsva, gres = (score(plain, definition) for definition in ("lisa", "gsva", "gres"))
    assert lisa.giou == pytest.approx(gres.giou, abs=2e-5)
    assert gsva.giou == pytest.approx(gres.giou, abs=2e-5)
    assert lisa.ciou == pytest.approx(gsva.ciou) == pytest.approx(gres.ciou)


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
