"""Which noun a superclass replaces: spaCy's parser and the dataset's category beside a rule of one line.

`python -m benchmarks.head_nouns`: expressions in the manner of RefCOCO, each with its category and its head
noun in brackets (tests/fixtures/head_nouns.tsv). Right: the head is replaced if the table knows it, and
nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from services.trainer.nouns import head_span
from services.trainer.superclasses import WORDNET, superclass_table
from synres.domain.superclass import Span, noun_spans

FIXTURE = Path(__file__).parents[1] / "tests/fixtures/head_nouns.tsv"
TABLE = superclass_table(WORDNET)
# what follows a head tells of it, or names something else
_AFTER_HEAD = re.compile(
    r"\b(?:that|which|who|with|without|of|on|in|at|by|near|next|beside|behind|under|above|below|over|from|to|for"
    r"|and|or|is|are|wearing|holding|closest|between|\w{3,}ing)\b|,",
    re.IGNORECASE,
)


class Annotated(NamedTuple):
    """An expression, the category of its target, and which noun of the table is to be replaced, if any."""

    expression: str
    category: str
    wanted: list[Span]


class Score(NamedTuple):
    """Of so many expressions; `wrong`: another noun is replaced, `missed`: none is, though one should."""

    right: int
    wrong: int
    missed: int


def read_fixture() -> list[Annotated]:
    """All lines."""
    return [_annotated(*line.split("\t")) for line in FIXTURE.read_text().splitlines()]


def _annotated(category: str, marked: str) -> Annotated:
    expression, end = re.sub(r"[\[\]]", "", marked), marked.find("]") - 1
    spans = noun_spans(expression, TABLE)
    return Annotated(expression, category, [span for span in spans if span[1] == end])


def by_rule(expression: str, category: str) -> list[Span]:
    """The category, else the last known noun before what describes it."""
    spans = noun_spans(expression, TABLE)
    same = [(start, end) for start, end in spans if expression[start:end].lower() == category]
    described = _AFTER_HEAD.search(expression, spans[0][1] if spans else 0)
    end = described.start() if described else len(expression)
    return same[:1] or [span for span in spans if span[1] <= end][-1:]


def by_parser(expression: str, category: str) -> list[Span]:
    """As in training."""
    return head_span(expression, category, TABLE)


def score(find: Callable[[str, str], list[Span]], knows_category: bool) -> Score:
    """Over the whole fixture."""
    found = [
        (find(each.expression, each.category if knows_category else ""), each.wanted)
        for each in read_fixture()
    ]
    right = sum(spans == wanted for spans, wanted in found)
    missed = sum(not spans and bool(wanted) for spans, wanted in found)
    return Score(right, len(found) - right - missed, missed)


def main() -> None:
    """Prints a small table."""
    for knows_category in (False, True):
        for name, find in (("rule", by_rule), ("parser", by_parser)):
            words = "with" if knows_category else "without"
            print(f"{name:7} {words:7} category: {score(find, knows_category)}")


if __name__ == "__main__":
    main()
