"""Expressions that name one object of a picture, made from its pixels alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from synres.data.facts import Facts
from synres.data.naming import named, true_places, true_relations
from synres.data.phrases import EXTREMES, NEAREST, ONLY, RANKS, SIDES, SIZES, Phrase
from synres.domain.prompts import distinct_expressions
from synres.domain.types import Expression

MAX_CLAIMS = 3
_ORDINALS = (*EXTREMES, *(f"{rank} {side}" for rank in RANKS for side in SIDES))


def describe(scene: Sequence[Facts], target: int, n: int, rng: np.random.Generator) -> list[Expression]:
    """Up to `n` distinct expressions, each true of `scene[target]` and of no other object of the scene.

    Sets of stated attributes differ as far as they can: one phrase for each set first, in random order.
    """
    phrases = [phrase for phrase in _candidates(scene, target) if named(phrase, scene) == target]
    phrases = [phrases[i] for i in rng.permutation(len(phrases))]
    first_of_set: dict[frozenset[str], Phrase] = {}
    for phrase in phrases:
        first_of_set.setdefault(phrase.attributes(), phrase)
    return distinct_expressions((phrase.text() for phrase in (*first_of_set.values(), *phrases)), n)


def _candidates(scene: Sequence[Facts], target: int) -> Iterator[Phrase]:
    """Phrases of at most MAX_CLAIMS claims that might be true of the target."""
    facts = scene[target]
    for noun, colour in _kinds(facts):
        placed = product(("", *true_places(facts)), ("", ONLY, *SIZES))
        for place, order in (*placed, *(("", ordinal) for ordinal in _ORDINALS)):
            phrase = Phrase(noun, colour, place, order)
            if 0 < len(phrase.attributes()) <= MAX_CLAIMS:
                yield phrase
        for landmark, anchor in _landmarks(scene, target):
            for relation in (NEAREST, *true_relations(facts, anchor)):
                yield Phrase(noun, colour, relation=relation, landmark=landmark)


def _kinds(facts: Facts) -> Iterator[tuple[str, str]]:
    yield from product(("", facts.category), sorted({"", facts.colour}))


def _landmarks(scene: Sequence[Facts], target: int) -> Iterator[tuple[Phrase, Facts]]:
    """Other objects that their category, with at most one more claim, is enough to name."""
    for index, facts in enumerate(scene):
        plain = (Phrase(facts.category, colour) for colour in sorted({"", facts.colour}))
        ordered = (Phrase(facts.category, order=order) for order in (*SIZES, *EXTREMES))
        names = (phrase for phrase in (*plain, *ordered) if named(phrase, scene) == index)
        if index != target and (phrase := next(names, None)):
            yield phrase, facts
