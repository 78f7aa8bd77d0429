"""Prints a comparison of arms for people, or hands it over as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.comparison import MEASURES, Comparison, Difference, Score
from synres.domain.metrics import Interval

_MEASURE_NAMES = {
    "giou": "gIoU in %: mean of the IoU of each expression",
    "ciou": "cIoU in %: sum of intersections over sum of unions",
}


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Scores and paired differences of each measure, and what the numbers rest on."""
    for measure in MEASURES:
        console.print(_score_table(comparison, measure))
        if comparison.differences:
            console.print(_difference_table(comparison, measure))
    console.print(_footnote(comparison), style="dim")


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Fractions, not per cent."""
    return dict(msgspec.to_builtins(comparison))


def _score_table(comparison: Comparison, measure: str) -> Table:
    table = plain_table(_MEASURE_NAMES[measure], "arm", comparison.columns)
    scores = comparison.scores[measure]
    best = {column: _best(arms[column] for arms in scores.values()) for column in comparison.columns}
    for arm, cells in scores.items():
        table.add_row(arm, *(_cell(cells[column], best[column]) for column in comparison.columns))
    return table


def _difference_table(comparison: Comparison, measure: str) -> Table:
    rows: dict[tuple[str, str], list[Difference]] = {}
    for found in comparison.differences:
        if found.measure == measure:
            rows.setdefault((found.arm, found.other), []).append(found)
    columns = [found.column for found in next(iter(rows.values()))]
    table = plain_table("paired differences in points, 95 % bootstrap interval", "", columns)
    for (arm, other), cells in rows.items():
        table.add_row(f"{arm} - {other}", *(_interval(cell.interval) for cell in cells))
    return table


def plain_table(title: str, first: str, columns: Sequence[str]) -> Table:
    # narrow, so that eleven columns fit into a terminal of 80
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=0,
    )
    table.add_column(first, no_wrap=True, min_width=6)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _best(scores: Iterable[Score]) -> float | None:
    return max((score.mean for score in scores if score.mean is not None), default=None)


def _cell(score: Score, best: float | None) -> Text:
    if score.mean is None:
        return Text("-", style="dim")
    text = Text(f"{100 * score.mean:.1f}", style="bold green" if score.mean == best else "")
    if score.deviation is not None:
        text.append(f" ±{100 * score.deviation:.1f}", style="dim")
    return text


def _interval(interval: Interval | None) -> Text:
    """Green or red if the interval excludes nought."""
    if interval is None:
        return Text("-", style="dim")
    style = "green" if interval.low > 0 else "red" if interval.high < 0 else "dim"
    text = Text(f"{100 * interval.difference:+.1f} ", style=f"bold {style}")
    return text.append(f"[{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]", style=style)


def _footnote(comparison: Comparison) -> str:
    counts: Mapping[str, Score] = next(iter(comparison.scores["giou"].values()))
    sizes = ", ".join(f"{name} {cell.expressions}" for name, cell in counts.items())
    if len(comparison.seeds) == 1:
        seeds = f"One seed ({comparison.seeds[0]}): what another would change is not in these intervals."
    else:
        listed = ", ".join(map(str, comparison.seeds))
        seeds = f"Seeds {listed}, drawn anew in the intervals; ± is the standard deviation over seeds."
    rule = f'Metrics as "{comparison.definition}" defines them, masks at probability 0.5 and picture size.'
    return f"{rule} {seeds} Expressions: {sizes}."
