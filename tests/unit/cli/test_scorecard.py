"""What an evaluation is said to have come to: slices, definitions, failures, differences, tables."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from services.cli.scoreboard import print_differences, print_rules, print_scores
from services.cli.scorecard import ALL, DEFINITIONS, differences, paired, scorecard, slices
from services.cli.worst import listed, worst
from synres.domain.metrics import MEASURES
from synres.domain.seeds import rng
from synres.errors import InvalidInput
from synres.stages.evaluate import EvaluatedExpression


def _row(item: str, subset: str, domain: str, common: int, seen: int, wanted: int) -> EvaluatedExpression:
    return EvaluatedExpression(
        item, "the thing", subset, domain, common, seen + wanted - common, seen, wanted
    )


def _rows(seed: int = 0, gain: float = 0.0) -> list[EvaluatedExpression]:
    """60 expressions of two subsets in three domains, every sixth without a target."""
    draws, rows = rng(seed, "scorecard"), []
    for index in range(60):
        subset, domain = ("many_attr", "multi_shared")[index % 2], ("day", "road", "robot")[index // 20]
        wanted = 0 if index % 6 == 5 else 100
        common = int(min(1.0, 0.5 + gain + 0.2 * draws.random()) * wanted)
        rows.append(_row(f"p{index}", subset, domain, common, common + (index % 12 == 5), wanted))
    return rows


def test_slices_are_by_subset_by_domain_and_by_both() -> None:
    """The whole comes first; a benchmark of one subset or domain has no slices of it."""
    names = list(slices(_rows()))
    assert names[:6] == [
        ALL, "subset many_attr", "subset multi_shared", "domain day", "domain road", "domain robot",
    ]  # fmt: skip
    assert names[6:] == [
        f"{s} / {d}" for s in ("many_attr", "multi_shared") for d in ("day", "road", "robot")
    ]
    assert list(slices([_row("a", "", "", 1, 1, 1)])) == [ALL]
    assert list(slices([_row("a", "short", "", 1, 1, 1), _row("b", "long", "", 1, 1, 1)])) == [
        ALL, "subset long", "subset short",
    ]  # fmt: skip


def test_every_measure_has_its_interval_under_every_definition() -> None:
    """Or neither, where the definition knows no such measure."""
    whole = scorecard(_rows(), is_grefcoco=True)[ALL]
    for definition in DEFINITIONS:
        assert tuple(whole.scores[definition]) == MEASURES
        for found in whole.scores[definition].values():
            assert (found.value is None) == (found.low is None) == (found.high is None)
            assert found.value is None or found.low - 2e-5 <= found.value <= found.high + 2e-5
    assert whole.scores["lisa"]["n_acc"].value is None
    assert whole.scores["gres"]["n_acc"].value == pytest.approx(0.5)
    assert (whole.expressions, whole.pictures) == (60, 60)


def test_false_pixels_join_the_unions_of_gsva_on_grefcoco_alone() -> None:
    """As in its own code; the other definitions do not look at the benchmark."""
    rows = [_row("a", "", "", 50, 50, 100), _row("b", "", "", 0, 100, 0)]
    on, off = (scorecard(rows, is_grefcoco)[ALL].scores for is_grefcoco in (True, False))
    assert on["gsva"]["ciou"].value == pytest.approx(50 / 200)
    assert off["gsva"]["ciou"].value == pytest.approx(50 / 100)
    assert on["gres"] == off["gres"]


def test_failures_are_counted_by_slice() -> None:
    """Each kind once."""
    counts = [(0, 10, 0), (0, 0, 10), (0, 10, 10), (10, 40, 10), (4, 4, 10), (9, 9, 10)]
    rows = [_row(f"p{i}", "xxyyyy"[i], "", *found) for i, found in enumerate(counts)]
    card = scorecard(rows, is_grefcoco=False)
    assert card[ALL].failures == {
        "over_segmented": 1, "under_segmented": 1, "wrong_instance": 1, "missed": 1, "false_alarm": 1,
    }  # fmt: skip
    assert card["subset x"].failures["wrong_instance"] == 0
    assert {kind: len(found) for kind, found in listed(rows).items()} == card[ALL].failures


def test_the_worst_are_those_with_the_least_in_common() -> None:
    """Then those with the most pixels wrong; equal ones in an order of their own."""
    rows = [_row("a", "", "", 3, 10, 10), _row("b", "", "", 0, 10, 10), _row("c", "", "", 0, 20, 10)]
    assert [row.item for row in worst(rows, "wrong_instance")] == ["c", "b", "a"]
    assert worst(rows[::-1], "wrong_instance") == worst(rows, "wrong_instance")


def test_differences_are_paired() -> None:
    """Ten points over oneself, expression by expression, exclude nought; nought over oneself is nought."""
    ours, theirs = _rows(gain=0.1), _rows()
    gain = differences(ours, theirs, is_grefcoco=False)[ALL]["lisa"]["giou"]
    assert gain is not None and gain.low > 0 and gain.low < gain.difference < gain.high
    same = differences(ours, ours, is_grefcoco=False)["domain day"]["gres"]["ciou"]
    assert same is not None and (same.difference, same.low, same.high) == (0, 0, 0)


def test_only_expressions_of_both_are_compared() -> None:
    """One that a model could not be asked is left out; the second of two equal ones meets the second."""
    twice = [_row("a", "", "", 1, 1, 1), _row("a", "", "", 0, 1, 1), _row("b", "", "", 1, 1, 1)]
    pairs = paired(twice, twice[:2])
    assert [(one.intersection, other.intersection) for one, other in pairs] == [(1, 1), (0, 0)]
    with pytest.raises(InvalidInput, match="common expression"):
        paired(twice[:1], twice[2:])


@pytest.mark.parametrize("width", [60, 80, 200])
def test_tables_are_whole_at_every_width(width: int) -> None:
    """Nothing is cut off, every slice and measure is there, and the protocol is said."""
    text, rows = io.StringIO(), _rows()
    console = Console(file=text, width=width)
    print_scores(console, "micro on wildres-ds/val", scorecard(rows, is_grefcoco=False), "lisa")
    print_differences(console, "a - b", differences(rows, rows, is_grefcoco=False), "gres")
    print_rules(console, "teacher_forced")
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= width and not any("…" in line for line in lines)
    for said in (
        "Pr@0.5",
        "Pr@0.9",
        "N-acc",
        "multi_shared / robot",
        "over-segmented",
        "Answers: teacher_forced",
    ):
        assert any(said in line for line in lines), said
