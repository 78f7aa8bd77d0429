"""The tables of broader nouns that a spec can name, and where their nouns stand in an expression."""

from __future__ import annotations

import re
from collections.abc import Mapping

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

_TABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {"microworld": SUPERCLASSES, "coco": COCO}


def superclass_table(name: str) -> dict[str, str]:
    """Lower-case noun -> broader noun, singular to singular and plural to plural; raises InvalidInput."""
    if name not in _TABLES:
        raise InvalidInput(f'superclass table "{name}" does not exist; there is {", ".join(_TABLES)}')
    pairs = {noun: broader for broader, nouns in _TABLES[name].items() for noun in nouns}
    return pairs | {_plural(noun): _plural(broader) for noun, broader in pairs.items()}


def noun_pattern(table: Mapping[str, str]) -> re.Pattern[str]:
    """Finds the table's nouns as whole words, longest first."""
    nouns = sorted(table, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, nouns))})\b", re.IGNORECASE)


def noun_spans(expression: Expression, pattern: re.Pattern[str]) -> list[Span]:
    """Where the nouns stand, left to right."""
    return [found.span() for found in pattern.finditer(expression)]


def _plural(noun: str) -> str:
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")
