"""Expressions kept apart, and joined into the text that the generator gets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from synres.domain.types import Expression

_NEAR = 0.7
_WORD = re.compile(r"\w+")


def clean_expression(text: str) -> Expression:
    """NFC, control characters and runs of white space made one space, outer space and full stops cut off."""
    printable = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text))
    return " ".join(printable.split()).strip(" .")


def expression_key(expression: Expression) -> str:
    """What two spellings of one expression share: lower-case words, single spaces."""
    return " ".join(_WORD.findall(clean_expression(expression).casefold()))


def distinct_expressions(candidates: Iterable[str], n: int) -> list[Expression]:
    """The first `n` candidates that say something new, cleaned, in their order; fewer if there are fewer.

    A candidate is a duplicate when its words and those of a kept one have a Jaccard index above 0.7 (words
    as a set, lower case: word order and punctuation make no new expression).
    """
    kept: dict[Expression, set[str]] = {}
    for candidate in candidates:
        if len(kept) == n:
            break
        words = set(expression_key(candidate).split())
        if words and not any(_jaccard(words, other) > _NEAR for other in kept.values()):
            kept[clean_expression(candidate)] = words
    return list(kept)


def composite_prompt(expressions: Sequence[Expression]) -> str:
    """The expressions of one prompt, comma-joined: the generator is to draw an object that fits them all.

    >>> composite_prompt(["the red cup", "a cup on the left"])
    'the red cup, a cup on the left'
    """
    return ", ".join(expressions)


def _jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)
