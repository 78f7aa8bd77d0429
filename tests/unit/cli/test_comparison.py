"""Arms side by side: columns, pairing, intervals, and what is printed of them."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from services.cli.comparison import columns_of, compare
from services.cli.report import comparison_json, print_comparison
from synres.domain.seeds import rng
from synres.errors import InvalidInput
from synres.stages.evaluate import EvaluatedExpression

DOMAINS = {"day": 40, "night": 20, "fog": 20}


def _rows(seed: int, gain: float = 0.0) -> list[EvaluatedExpression]:
    """A benchmark of 80 expressions in ID and in DS, MT and MA, and 10 of validation; IoU about 0.4."""
    truth, noise = rng(0, "truth"), rng(seed, "noise")
    rows = []
    for subset in ("MT", "MA"):
        for domain, scenes in DOMAINS.items():
            for index in range(scenes):
                area = int(truth.integers(100, 400))
                hit = int(area * min(1.0, max(0.0, 0.4 + gain + 0.1 * noise.standard_normal())))
                item = f"{subset}-{domain}-{index}"
                rows.append(EvaluatedExpression(item, "the thing", subset, domain, hit, area, hit, area))
    return rows + [EvaluatedExpression(f"val-{i}", "the ring", "real", "day", 8, 10, 9, 9) for i in range(10)]


def test_the_columns_are_those_of_the_benchmark() -> None:
    """Subsets by ID and DS, both together, each shifted domain, and the validation set."""
    assert list(columns_of(_rows(0))) == [
        "MT-ID", "MA-ID", "ID", "MT-DS", "MA-DS", "DS", "night", "fog", "real",
    ]  # fmt: skip


def test_each_expression_stands_in_the_columns_of_its_place() -> None:
    """By day in ID, at night in DS and under its own name, both with their subset; validation by itself."""
    rows = _rows(0)
    columns = columns_of(rows)
    places = {(row.subset, row.domain): [name for name, has in columns.items() if has(row)] for row in rows}
    assert places["MT", "day"] == ["MT-ID", "ID"] and places["MA", "day"] == ["MA-ID", "ID"]
    assert places["MT", "night"] == ["MT-DS", "DS", "night"] and places["MA", "fog"] == ["MA-DS", "DS", "fog"]
    assert places["real", "day"] == ["real"]


def test_without_subsets_each_place_is_a_column() -> None:
    """Photographs have neither MT nor MA."""
    row = EvaluatedExpression("a", "the cup", "", "", 1, 2, 1, 2)
    assert list(columns_of([row])) == ["all"]


def test_scores_are_means_of_the_expressions_that_belong() -> None:
    """The validation rows all have an IoU of 8/10, and there are ten."""
    comparison = compare({7: {"real": _rows(1)}}, "lisa", None)
    cell = comparison.scores["giou"]["real"]["real"]
    assert (cell.mean, cell.expressions, cell.deviation) == (pytest.approx(0.8, abs=1e-4), 10, None)
    assert comparison.differences == ()


def test_a_real_gain_has_an_interval_above_nought() -> None:
    """Ten points over the baseline are seen, with 160 paired scenes; nought against itself is not."""
    arms = {"real": _rows(1), "control": _rows(2), "synres": _rows(3, gain=0.1)}
    found = {(d.arm, d.other, d.column): d.interval for d in compare({7: arms}, "lisa", "real").differences}
    gain = found["synres", "real", "ID"]
    nothing = found["control", "real", "ID"]
    assert gain is not None and gain.low > 0.05 and gain.low < gain.difference < gain.high
    assert nothing is not None and nothing.low < 0 < nothing.high


def test_every_arm_is_compared_with_baseline_and_control() -> None:
    """And the control with the baseline, once."""
    arms = {name: _rows(index) for index, name in enumerate(("real", "control", "synres"))}
    pairs = {(d.arm, d.other) for d in compare({7: arms}, "lisa", "real").differences}
    assert pairs == {("control", "real"), ("synres", "real"), ("synres", "control")}


def test_several_seeds_give_deviations() -> None:
    """Three seeds: the mean over them, and how much they differ."""
    by_seed = {seed: {"real": _rows(seed)} for seed in (1, 2, 3)}
    cell = compare(by_seed, "lisa", None).scores["giou"]["real"]["ID"]
    assert cell.deviation is not None and 0 < cell.deviation < 0.05


def test_arms_scored_on_other_expressions_are_not_compared() -> None:
    """A half-finished arm must not look like a difference."""
    with pytest.raises(InvalidInput, match=r"\(real on 170, synres on 169\)"):
        compare({7: {"real": _rows(1), "synres": _rows(1)[:-1]}}, "lisa", "real")


def test_the_report_fits_a_terminal_of_eighty_columns() -> None:
    """Nothing is cut off, one seed is called one seed, and per cent are printed."""
    text = io.StringIO()
    arms = {"real": _rows(1), "synres": _rows(3, gain=0.1)}
    print_comparison(Console(file=text, width=80), compare({7: arms}, "lisa", "real"))
    printed = " ".join(text.getvalue().split())
    assert "One seed (7)" in printed and "synres - real" in printed and "80.0" in printed
    assert "…" not in printed


def test_the_report_as_json_holds_fractions() -> None:
    """It goes through json and back."""
    comparison = compare({7: {"real": _rows(1)}}, "lisa", None)
    document = json.loads(json.dumps(comparison_json(comparison)))
    assert document["scores"]["giou"]["real"]["real"]["mean"] == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_head_is_whole_at_every_width(width: int) -> None:
    """Columns that do not fit follow below, with the arms beside them again; nothing is cut or broken."""
    arms = {"real": _rows(1), "control": _rows(2), "synres-learned": _rows(3, gain=0.1)}
    comparison = compare(dict.fromkeys((1, 2, 3), arms), "lisa", "real")
    printed = io.StringIO()
    print_comparison(Console(file=printed, width=width), comparison)
    lines = printed.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    heads = [line.split()[1:] for line in lines if line.startswith("arm ")]
    assert [head for part in heads for head in part] == 2 * list(comparison.columns)
    assert len(heads) == {60: 6, 80: 4, 200: 2}[width]
    assert not any("…" in line for line in lines)
    beside = [line for line in lines if line.startswith("synres-learned ") and " - " not in line]
    assert len(beside) == len(heads)


def test_how_models_answered_is_printed() -> None:
    """Once where all arms agree, by arm where they do not, and not at all where no model has a choice."""
    arms = {"real": _rows(1), "synres": _rows(3)}
    forced = {"real": "teacher_forced", "synres": "teacher_forced"}
    for protocols, expected in (
        (forced, "Answers: teacher_forced."),
        (forced | {"synres": "generated"}, "not to be compared: real teacher_forced, synres generated."),
        ({}, ""),
    ):
        text = io.StringIO()
        comparison = compare({7: arms}, "lisa", None, protocols)
        print_comparison(Console(file=text, width=80), comparison)
        printed = " ".join(text.getvalue().split())
        assert expected in printed
        assert ("Answers" in printed) == bool(protocols)
        assert comparison_json(comparison)["protocols"] == protocols
