"""Expressions that name one object of a picture, made from its pixels alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import numpy as np

from synres.data.facts import Facts
from synres.data.naming import named, named_beside, true_places, true_relations
from synres.data.phrases import EXTREMES, NEAREST, ONLY, RANKS, SIDES, SIZES, Phrase
from synres.domain.prompts import distinct_expressions
from synres.domain.types import Expression

MAX_CLAIMS = 3
Landmark = tuple[Phrase, int]
"""A phrase and the number of the object that it names."""
_ORDINALS = (*EXTREMES, *(f"{rank} {side}" for rank in RANKS for side in SIDES))


def describe(scene: Sequence[Facts], target: int, n: int, rng: np.random.Generator) -> list[Expression]:
    """Up to `n` distinct expressions, each true of `scene[target]` and of no other object of the scene.

    Sets of stated attributes differ as far as they can: one phrase for each set first, in random order.
    """
    landmarks = [landmark for landmark in find_landmarks(scene) if landmark[1] != target]
    return describe_near(scene, landmarks, target, n, rng)


def describe_near(
    scene: Sequence[Facts], landmarks: Sequence[Landmark], target: int, n: int, rng: np.random.Generator
) -> list[Expression]:
    """`describe` with the landmarks found before, for callers that describe many objects of a scene."""
    candidates = list(_candidates(scene, landmarks, target))
    shuffled = [candidates[i] for i in rng.permutation(len(candidates))]
    # Lazy on purpose: naming is the costly part, and n expressions are often found early.
    named_so = (phrase for phrase, landmark in shuffled if named_beside(phrase, landmark, scene) == target)
    return distinct_expressions((phrase.text() for phrase in _new_sets_first(named_so)), n)


def _new_sets_first(phrases: Iterable[Phrase]) -> Iterator[Phrase]:
    """Holds back phrases whose set of attributes was stated before, until no other is left."""
    seen, later = set[frozenset[str]](), []
    for phrase in phrases:
        if phrase.attributes() in seen:
            later.append(phrase)
        else:
            seen.add(phrase.attributes())
            yield phrase
    yield from later


def find_landmarks(scene: Sequence[Facts]) -> list[Landmark]:
    """Objects that their category, with at most one more claim, is enough to name; with that name."""
    found = []
    for index, facts in enumerate(scene):
        plain = (Phrase(facts.category, colour) for colour in sorted({"", facts.colour}))
        ordered = (Phrase(facts.category, order=order) for order in (*SIZES, *EXTREMES))
        names = (phrase for phrase in (*plain, *ordered) if named(phrase, scene) == index)
        if phrase := next(names, None):
            found.append((phrase, index))
    return found


def _candidates(
    scene: Sequence[Facts], landmarks: Sequence[Landmark], target: int
) -> Iterator[tuple[Phrase, int | None]]:
    """Phrases that might be true of the target, of at most MAX_CLAIMS claims; each with its landmark."""
    facts = scene[target]
    for noun, colour in product(("", facts.category), sorted({"", facts.colour})):
        placed = product(("", *true_places(facts)), ("", ONLY, *SIZES))
        for place, order in (*placed, *(("", ordinal) for ordinal in _ORDINALS)):
            phrase = Phrase(noun, colour, place, order)
            if 0 < len(phrase.attributes()) <= MAX_CLAIMS:
                yield phrase, None
        for landmark, index in landmarks:
            for relation in (NEAREST, *true_relations(facts, scene[index])) if index != target else ():
                yield Phrase(noun, colour, relation=relation, landmark=landmark), index
