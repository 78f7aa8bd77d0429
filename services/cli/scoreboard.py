"""Prints scorecards for people: measures by definition, slices, failures, differences."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from services.cli.report import interval_text, plain_table, print_table
from services.cli.scorecard import ALL, DEFINITIONS, GROUND, RULES, Differences, Measured, Slice
from synres.domain.failures import FAILURES
from synres.domain.metrics import MEASURES

_NAMES = {"giou": "gIoU", "ciou": "cIoU", "n_acc": "N-acc", "t_acc": "T-acc"}


def print_scores(console: Console, title: str, card: Mapping[str, Slice], definition: str) -> None:
    """All measures of the whole, then gIoU and cIoU under one definition and what went wrong, by slice."""
    whole = card[ALL]
    table = plain_table(f"{title}, in %", "measure", DEFINITIONS)
    for measure in MEASURES:
        table.add_row(measure_name(measure), *(_cell(whole.scores[d][measure]) for d in DEFINITIONS))
    print_table(console, table)
    if len(card) > 1:
        _print_slices(console, card, definition)
    _print_failures(console, card)


def print_differences(console: Console, title: str, found: Differences, definition: str) -> None:
    """Of two checkpoints, by slice; green or red where the interval excludes nought."""
    table = plain_table(f"{title}, paired difference in points under {definition}", "slice", ("gIoU", "cIoU"))
    for name, by_definition in found.items():
        measures = by_definition[definition]
        table.add_row(name, *(interval_text(measures[measure]) for measure in ("giou", "ciou")))
    print_table(console, table)


def print_rules(console: Console, protocol: str) -> None:
    """How the models answered, and what the numbers rest on."""
    answers = "masks alone, there is no choice of protocol" if protocol == "none" else protocol
    console.print(Text(f"Answers: {answers}. {GROUND}", style="dim"))
    for definition, rule in RULES.items():
        console.print(Text(f"{definition}: {rule}.", style="dim"))


def measure_name(measure: str) -> str:
    return _NAMES.get(measure, measure.capitalize())


def _print_slices(console: Console, card: Mapping[str, Slice], definition: str) -> None:
    table = plain_table(f"by subset and domain under {definition}, in %", "slice", ("n", "gIoU", "cIoU"))
    for name, found in card.items():
        scores = found.scores[definition]
        table.add_row(name, f"{found.expressions:,}", _cell(scores["giou"]), _cell(scores["ciou"]))
    print_table(console, table)


def _print_failures(console: Console, card: Mapping[str, Slice]) -> None:
    kinds = [kind.replace("_", "-") for kind in FAILURES]
    table = plain_table("what went wrong (IoU below 0.5), in % of expressions", "slice", kinds)
    for name, found in card.items():
        shares = (100 * found.failures[kind] / max(1, found.expressions) for kind in FAILURES)
        table.add_row(name, *(f"{share:.1f}" for share in shares))
    print_table(console, table)


def _cell(found: Measured) -> Text:
    if found.value is None:
        return Text("-", style="dim")
    text = Text(f"{100 * found.value:.1f}", style="bold")
    if found.low is not None and found.high is not None:
        text.append(f" [{100 * found.low:.1f}, {100 * found.high:.1f}]", style="dim")
    return text
