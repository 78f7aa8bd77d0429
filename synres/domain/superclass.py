"""Superclass replacement: "the red van" becomes "the red vehicle", so that a model reads the attributes.

A broader noun may fit another object of the picture, and then the mask would be wrong: such a replacement
is refused and counted. What the other objects look like is known only from their categories and expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from synres.domain.seeds import rng
from synres.domain.types import Expression
from synres.domain.words import plain_words
from synres.errors import InvalidInput

Span = tuple[int, int]
"""Characters [start, end) of an expression that hold a noun."""
_WORD = re.compile(r"[^\W_]+")
_LONGEST = 3
"""Words of a noun, at most ("personal flotation device")."""
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


def noun_spans(text: str, superclasses: Mapping[str, str]) -> list[Span]:
    """Where the table's nouns stand, as whole words, the longest first: a hot dog is no dog.

    >>> noun_spans("the hot dog beside two cars", {"hot dog": "food", "dog": "animal", "cars": "vehicles"})
    [(4, 11), (23, 27)]
    """
    words = [found.span() for found in _WORD.finditer(text)]
    spans: list[Span] = []
    for at, (start, _) in enumerate(words):
        if not spans or start >= spans[-1][1]:
            ends = [end for _, end in words[at : at + _LONGEST]]
            known = [end for end in ends if text[start:end].lower() in superclasses]
            spans += [(start, end) for end in known[-1:]]
    return spans


def known_words(texts: Iterable[str], superclasses: Mapping[str, str]) -> frozenset[str]:
    """The plain words of texts that tell of one object, and those of all broader nouns of their nouns."""
    words: set[str] = set()
    for text in texts:
        plain = plain_words(text)
        words.update(plain)
        for spelled in (text.lower(), " ".join(plain)):
            nouns = [spelled[start:end] for start, end in noun_spans(spelled, superclasses)]
            words.update(*(plain_words(broader) for noun in nouns for broader in _above(noun, superclasses)))
    return frozenset(words)


def _above(noun: str, superclasses: Mapping[str, str]) -> list[str]:
    """Its broader noun, that one's own, and so on; a table that goes in a circle ends where it began."""
    found: list[str] = []
    while (noun := superclasses.get(noun, "")) and noun not in found:
        found.append(noun)
    return found


def _fits(candidate: Expression, other: tuple[str, Expression], superclasses: Mapping[str, str]) -> bool:
    """True unless the candidate says a word that the other object's texts, broadened, do not."""
    return known_words(other, superclasses).issuperset(plain_words(candidate))


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
