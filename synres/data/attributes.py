"""Expressions that name one object of a picture, made from its pixels alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import numpy as np

from synres.data.claims import EXTREMES, NEAREST, ONLY, RANKS, SIDES, SIZES, Claims
from synres.data.facts import Facts
from synres.data.naming import named, named_beside, true_places, true_relations
from synres.domain.prompts import distinct_expressions
from synres.domain.types import Expression

MAX_CLAIMS = 3
Landmark = tuple[Claims, int]
"""Claims and the number of the object that they name."""
_ORDINALS = (*EXTREMES, *(f"{rank} {side}" for rank in RANKS for side in SIDES))


def describe(scene: Sequence[Facts], target: int, n: int, rng: np.random.Generator) -> list[Expression]:
    """Up to `n` distinct expressions, each true of `scene[target]` and of no other object of the scene.

    Sets of stated attributes differ as far as they can: one expression for each set first, in random order.
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
    named_so = (claims for claims, landmark in shuffled if named_beside(claims, landmark, scene) == target)
    return distinct_expressions((claims.text() for claims in _new_sets_first(named_so)), n)


def _new_sets_first(said: Iterable[Claims]) -> Iterator[Claims]:
    """Holds back claims whose set of attributes was stated before, until no other is left."""
    seen, later = set[frozenset[str]](), []
    for claims in said:
        if claims.attributes() in seen:
            later.append(claims)
        else:
            seen.add(claims.attributes())
            yield claims
    yield from later


def find_landmarks(scene: Sequence[Facts]) -> list[Landmark]:
    """Objects that their category, with at most one more claim, is enough to name; with that name."""
    found = []
    for index, facts in enumerate(scene):
        plain = (Claims(facts.category, colour) for colour in sorted({"", facts.colour}))
        ordered = (Claims(facts.category, order=order) for order in (*SIZES, *EXTREMES))
        names = (claims for claims in (*plain, *ordered) if named(claims, scene) == index)
        if claims := next(names, None):
            found.append((claims, index))
    return found


def _candidates(
    scene: Sequence[Facts], landmarks: Sequence[Landmark], target: int
) -> Iterator[tuple[Claims, int | None]]:
    """Claims that might be true of the target, of at most MAX_CLAIMS claims; each with its landmark."""
    facts = scene[target]
    for noun, colour in product(("", facts.category), sorted({"", facts.colour})):
        placed = product(("", *true_places(facts)), ("", ONLY, *SIZES))
        for place, order in (*placed, *(("", ordinal) for ordinal in _ORDINALS)):
            claims = Claims(noun, colour, place, order)
            if 0 < len(claims.attributes()) <= MAX_CLAIMS:
                yield claims, None
        for landmark, index in landmarks:
            for relation in (NEAREST, *true_relations(facts, scene[index])) if index != target else ():
                yield Claims(noun, colour, relation=relation, landmark=landmark), index
