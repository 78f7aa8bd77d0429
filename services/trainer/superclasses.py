"""The tables of broader nouns that a spec can name, and where their nouns stand in an expression."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from synres.domain.superclass import Span
from synres.domain.types import Expression
from synres.errors import InvalidInput
from synres.microworld.vocabulary import SUPERCLASSES

COCO: dict[str, tuple[str, ...]] = {
    "person": ("man", "woman", "boy", "girl"),
    "vehicle": ("bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
    "animal": ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
    "accessory": ("backpack", "umbrella", "handbag", "tie", "suitcase"),
    "tableware": ("bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl"),
    "food": (
        "banana",
        "apple",
        "sandwich",
        "orange",
        "broccoli",
        "carrot",
        "hot dog",
        "pizza",
        "donut",
        "cake",
    ),
    "furniture": ("chair", "couch", "sofa", "bed", "dining table", "bench"),
    "device": ("tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "tvmonitor"),
    "appliance": ("microwave", "oven", "toaster", "refrigerator"),
}
"""COCO's own supercategories where their names are nouns for a thing, and common nouns for people."""

WORDNET = "wordnet"
_FILE = Path(__file__).with_suffix(".json")
"""Of WordNet's nouns; tools/superclass_table.py makes it, and its licence is in it."""
_TABLES: Mapping[str, Callable[[], Mapping[str, Sequence[str]]]] = {
    "microworld": lambda: SUPERCLASSES,
    "coco": lambda: COCO,
    # COCO's own word for a noun comes before WordNet's
    WORDNET: lambda: {**_wordnet(), **{f"{broader} ": nouns for broader, nouns in COCO.items()}},
}
# what follows tells of the head, or names something else
_AFTER_HEAD = re.compile(
    r"\b(?:that|which|who|with|without|of|on|in|at|by|near|next|beside|behind|under|above|below|over|from|to|for"
    r"|and|or|is|are|wearing|holding|closest|between|\w{3,}ing)\b|,",
    re.IGNORECASE,
)


def superclass_table(name: str) -> dict[str, str]:
    """Lower-case noun -> broader noun, singular to singular and plural to plural; raises InvalidInput."""
    if name not in _TABLES:
        raise InvalidInput(f'superclass table "{name}" does not exist; there is {", ".join(_TABLES)}')
    pairs = {noun: broader.strip() for broader, nouns in _TABLES[name]().items() for noun in nouns}
    plurals = {_plural(noun): _plural(broader) for noun, broader in pairs.items()}
    return pairs | plurals


def _wordnet() -> dict[str, list[str]]:
    table: dict[str, list[str]] = json.loads(_FILE.read_text())["superclasses"]
    return table


def head_span(expression: Expression, category: str, pattern: re.Pattern[str]) -> list[Span]:
    """The noun that says what is meant: the dataset's category, else the last one before what describes it.

    >>> head_span("the orange car behind the dog", "", noun_pattern(superclass_table("wordnet")))
    [(11, 14)]
    """
    spans = noun_spans(expression, pattern)
    same = [(a, b) for a, b in spans if category and expression[a:b].lower() in (category, _plural(category))]
    if same:
        return same[:1]
    described = _AFTER_HEAD.search(expression, spans[0][1] if spans else 0)
    end = described.start() if described else len(expression)
    return [span for span in spans if span[1] <= end][-1:]


def noun_pattern(table: Mapping[str, str]) -> re.Pattern[str]:
    """Finds the table's nouns as whole words, longest first."""
    nouns = sorted(table, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, nouns))})\b", re.IGNORECASE)


def noun_spans(expression: Expression, pattern: re.Pattern[str]) -> list[Span]:
    """Where the nouns stand, left to right."""
    return [found.span() for found in pattern.finditer(expression)]


def _plural(noun: str) -> str:
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")
