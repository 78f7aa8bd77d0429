"""One plain form for the words of an expression, so that "all the red circles" and "a red circle" name the
same thing.

How many objects are meant is left to the picture: determiners, prepositions and plural endings carry no
attribute.
"""

from __future__ import annotations

import re
from itertools import takewhile

from synres.domain.types import Expression

_WORD = re.compile(r"[^\W_]+")
_EMPTY_WORDS = frozenset(
    {
        "a", "all", "an", "and", "are", "at", "each", "every", "in", "is", "of",
        "on", "one", "ones", "or", "side", "that", "the", "these", "this", "those", "to", "with",
    }
)  # fmt: skip


_BREAKS = frozenset(
    {
        "above", "across", "against", "among", "around", "at", "behind", "below", "beneath", "beside",
        "between", "by", "carrying", "eating", "facing", "from", "has", "having", "holding", "in", "inside",
        "is", "leaning", "looking", "near", "next", "of", "on", "over", "riding", "sitting", "standing",
        "that", "to", "touching", "under", "using", "walking", "watching", "wearing", "which", "who", "whose",
        "with",
    }
)  # fmt: skip
"""Behind these an expression tells of other things, or how the one that it means stands to them."""


def head_word(expression: Expression) -> str:
    """The last plain word before any that leads to something else; "" if there is none, as in "the red one".

    >>> head_word("the two dogs beside the red van")
    'dog'
    """
    words = _WORD.findall(expression.lower())
    own = list(takewhile(lambda word: word not in _BREAKS, words))
    return "" if own[-1:] in (["one"], ["ones"]) else next(iter(plain_words(" ".join(own))[-1:]), "")


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
