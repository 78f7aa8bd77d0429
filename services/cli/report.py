"""Prints a comparison of arms for people, or hands it over as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from services.cli.comparison import MEASURES, Comparison, Difference, Score
from synres.domain.bootstrap import Interval

_UNBOUNDED = 10_000
_MEASURE_NAMES = {
    "giou": "gIoU in %: mean of the IoU of each expression",
    "ciou": "cIoU in %: sum of intersections over sum of unions",
}


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Scores and paired differences of each measure, and what the numbers rest on."""
    for measure in MEASURES:
        print_table(console, _score_table(comparison, measure))
        if comparison.differences:
            print_table(console, _difference_table(comparison, measure))
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
        table.add_row(f"{arm} - {other}", *(interval_text(cell.interval) for cell in cells))
    return table


def plain_table(title: str, first: str, columns: Sequence[str]) -> Table:
    """A table for `print_table`: the first column names the row, the others hold numbers."""
    table = Table(title=title)
    table.add_column(first, min_width=6, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    return table


def print_table(console: Console, table: Table) -> None:
    """Title and table. Columns that do not fit beside each other follow below, each time with the first."""
    console.print(Text(str(table.title), style="bold"))
    first, *others = table.columns
    while others:
        fitting = next(n for n in range(len(others), 0, -1) if n == 1 or _fits(console, [first, *others[:n]]))
        console.print(_part([first, *others[:fitting]]), "")
        others = others[fitting:]


def _fits(console: Console, columns: Sequence[Column]) -> bool:
    unbounded = console.options.update(width=_UNBOUNDED)
    return console.measure(_part(columns), options=unbounded).maximum <= console.width


def _part(columns: Sequence[Column]) -> Table:
    part = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for column in columns:
        part.add_column(
            column.header, justify=column.justify, min_width=column.min_width, overflow=column.overflow
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        part.add_row(*row)
    return part


def _best(scores: Iterable[Score]) -> float | None:
    return max((score.mean for score in scores if score.mean is not None), default=None)


def _cell(score: Score, best: float | None) -> Text:
    if score.mean is None:
        return Text("-", style="dim")
    text = Text(f"{100 * score.mean:.1f}", style="bold green" if score.mean == best else "")
    if score.deviation is not None:
        text.append(f" ±{100 * score.deviation:.1f}", style="dim")
    return text


def interval_text(interval: Interval | None) -> Text:
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
    return " ".join(filter(None, [rule, _protocols(comparison.protocols), seeds, f"Expressions: {sizes}."]))


def _protocols(by_arm: Mapping[str, str]) -> str:
    """ "" where no model has a choice; one word where all arms agree, else one for each arm."""
    if len(set(by_arm.values())) > 1:
        each = ", ".join(f"{arm} {protocol}" for arm, protocol in by_arm.items())
        return f"Answers by arm, not to be compared: {each}."
    return f"Answers: {next(iter(by_arm.values()))}." if by_arm else ""
