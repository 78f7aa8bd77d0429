"""The published definitions, against numbers of the original code and against hand-worked counts."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres.domain.metrics import MEASURES, MaskCounts, count_logits, count_masks, parts_of, score
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
        above, below = parts_of([fixture_counts(case["case"], definition)], definition, "ciou")
        assert [above[0], below[0]] == [case[original][key] for key in keys]


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


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1), st.booleans())
def test_counts_are_those_of_the_pixels(height: int, width: int, seed: int, by_column: bool) -> None:
    """Of any size, however the masks lie in memory, and whatever is ignored."""
    drawn = np.random.default_rng(seed).random((3, height, width)) < 0.5
    predicted, target, ignore = (np.asfortranarray(mask) if by_column else mask for mask in drawn)
    seen, wanted = predicted & ~ignore, target & ~ignore
    expected = MaskCounts(
        int((seen & wanted).sum()), int((seen | wanted).sum()), bool(wanted.any()), not predicted.any()
    )
    assert count_masks(predicted, target, ignore) == expected


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
        parts_of([], "lisa", "miou")


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


@given(st.lists(counts_strategy, min_size=1), st.sampled_from(["lisa", "gsva", "gsva_not_grefcoco", "gres"]))
def test_parts_add_up_to_the_scores(counts: list[MaskCounts], definition: str) -> None:
    """Sum over sum is the score, but for the originals' small constants and what they leave undefined."""
    scores = score(counts, definition)
    for measure in MEASURES:
        above, below = parts_of(counts, definition, measure)
        name = measure.removeprefix("pr@")
        found = scores.precision[name] if measure.startswith("pr@") else getattr(scores, measure)
        if found is None:
            assert not below.any()
        elif below.sum():
            assert above.sum() / below.sum() == pytest.approx(found, abs=2e-5)


@pytest.mark.parametrize("definition", ["lisa", "gsva", "gres"])
def test_a_tie_reaches_the_threshold(definition: str) -> None:
    """7 of 10 pixels reach 0.7, whatever small constants a definition divides with; 699 of 1000 do not."""
    counts = [MaskCounts(7, 10, True, False), MaskCounts(699, 1000, True, False)]
    assert score(counts, definition).precision == {"0.5": 1, "0.6": 1, "0.7": 0.5, "0.8": 0, "0.9": 0}


def test_a_target_of_ignored_pixels_alone_reaches_nothing() -> None:
    """GSVA calls it a target; its IoU is 0, and so is its share of every threshold."""
    found = score([MaskCounts(0, 0, True, True), MaskCounts(4, 4, True, False)], "gsva")
    assert found.giou == pytest.approx(0.5, abs=1e-4)
    assert set(found.precision.values()) == {0.5}
