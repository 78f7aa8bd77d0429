"""Superclass replacement: "the red van" becomes "the red vehicle", so that a model reads the attributes.

A broader noun may fit another object of the picture, and then the mask would be wrong: such a replacement
is refused and counted. What the other objects look like is known only from their categories and expressions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synres.domain.seeds import rng
from synres.domain.types import Expression
from synres.domain.words import plain_words
from synres.errors import InvalidInput

Span = tuple[int, int]
"""Characters [start, end) of an expression that hold a noun."""
_ARTICLE = re.compile(r"\ban?(?= +$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Replacement:
    """The expression to train with, and how many of its nouns were replaced and refused."""

    expression: Expression
    replaced: int
    refused: int


def replace_superclass(
    expression: Expression,
    nouns: Sequence[Span],
    superclasses: Mapping[str, str],
    probability: float,
    seed: int,
    others: Sequence[tuple[str, Expression]] = (),
) -> Replacement:
    """Replaces each noun that the table knows (lower case -> broader noun) with `probability`.

    `others` are (category, expression) of the picture's objects that are no targets; one with several
    expressions has several entries. A function of its arguments alone: pass a seed of item and epoch. Raises
    InvalidInput for spans outside the expression or overlapping, or a probability outside [0, 1].
    """
    if not 0.0 <= probability <= 1.0:
        raise InvalidInput(f"superclass probability {probability} is not in [0, 1]")
    draws = rng(seed, "superclass").random(len(nouns))
    text, replaced, refused = expression, 0, 0
    # From the end, so that the spans still to come stay valid.
    for (start, end), draw in sorted(zip(_checked(nouns, expression), draws, strict=True), reverse=True):
        broader = superclasses.get(text[start:end].lower())
        if broader is None or draw >= probability:
            continue
        candidate = _with_article(text[:start], broader) + broader + text[end:]
        if any(_fits(candidate, other, superclasses) for other in others):
            refused += 1
        else:
            text, replaced = candidate, replaced + 1
    return Replacement(text, replaced, refused)


def _fits(candidate: Expression, other: tuple[str, Expression], superclasses: Mapping[str, str]) -> bool:
    """True unless the candidate says a word that the other object's texts, broadened, do not."""
    known = " ".join(other).lower()
    nouns = [other[0].lower(), *known.split(), *plain_words(known)]
    broader = [superclasses[noun] for noun in nouns if noun in superclasses]
    return set(plain_words(candidate)) <= set(plain_words(" ".join([known, *broader])))


def _with_article(before: str, noun: str) -> str:
    return _ARTICLE.sub("an" if noun[0].lower() in "aeiou" else "a", before)


def _checked(nouns: Sequence[Span], expression: Expression) -> Sequence[Span]:
    reached = 0
    for start, end in sorted(nouns):
        if not reached <= start < end <= len(expression):
            raise InvalidInput(
                f"noun span {start}..{end} overlaps another or leaves the expression {expression!r}"
            )
        reached = end
    return nouns
