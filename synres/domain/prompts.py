"""Expressions kept apart, and joined into the text that the generator gets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

from synres.domain.types import Expression

NEAR = 0.7
"""Expressions whose words have a greater Jaccard index are one, unless told otherwise."""
_WORD = re.compile(r"\w+")


def clean_expression(text: str) -> Expression:
    """NFC, control characters and runs of white space made one space, outer space and full stops cut off."""
    printable = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text))
    return " ".join(printable.split()).strip(" .")


def expression_key(expression: Expression) -> str:
    """What two spellings of one expression share: lower-case words, single spaces."""
    return " ".join(_WORD.findall(clean_expression(expression).casefold()))


def distinct_expressions(candidates: Iterable[str], n: int, near: float = NEAR) -> list[Expression]:
    """The first `n` candidates that say something new, cleaned, in their order; fewer if there are fewer.

    A candidate is a duplicate when its words and those of a kept one have a Jaccard index above `near` (words
    as a set, lower case: word order and punctuation make no new expression).
    """
    kept: dict[Expression, set[str]] = {}
    for candidate in candidates:
        if len(kept) == n:
            break
        words = set(expression_key(candidate).split())
        if words and not any(_jaccard(words, other) > near for other in kept.values()):
            kept[clean_expression(candidate)] = words
    return list(kept)


def split_prompts(
    expressions: Sequence[Expression], prompts: int, least: int
) -> tuple[tuple[Expression, ...], ...]:
    """In their order, into `prompts` parts whose sizes differ by one at most; into fewer where a part would
    have fewer than `least`.

    >>> split_prompts(["a", "b", "c", "d", "e"], 3, 2)
    (('a', 'b'), ('c', 'd', 'e'))
    """
    parts = max(1, min(prompts, len(expressions) // least))
    ends = [len(expressions) * part // parts for part in range(parts + 1)]
    return tuple(tuple(expressions[start:stop]) for start, stop in pairwise(ends))


def composite_prompt(expressions: Sequence[Expression]) -> str:
    """The expressions of one prompt, comma-joined: the generator is to draw an object that fits them all.

    >>> composite_prompt(["the red cup", "a cup on the left"])
    'the red cup, a cup on the left'
    """
    return ", ".join(expressions)


def _jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)
