"""One plain form for the words of an expression, so that "all the red circles" and "a red circle" name the
same thing.

How many objects are meant is left to the picture: determiners, prepositions and plural endings carry no
attribute.
"""

from __future__ import annotations

import re

from synres.domain.types import Expression

_WORD = re.compile(r"[^\W_]+")
_EMPTY_WORDS = frozenset(
    {
        "a", "all", "an", "and", "are", "at", "each", "every", "in", "is", "of",
        "on", "one", "ones", "or", "side", "that", "the", "these", "this", "those", "to", "with",
    }
)  # fmt: skip


def plain_words(expression: Expression) -> tuple[str, ...]:
    """Lower-case content words in order, plurals made singular; empty if there is none.

    >>> plain_words("All the red crosses on the left")
    ('red', 'cross', 'left')
    """
    words = _WORD.findall(expression.lower())
    return tuple(_singular(word) for word in words if word not in _EMPTY_WORDS)


def _singular(word: str) -> str:
    if len(word) < 4 or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word
