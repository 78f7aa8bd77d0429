"""Mosaics for training: which pictures meet in one, and what an expression names there.

An expression names every object of the mosaic that is known to fit it: those it was made for, and those whose
own expressions entail its words ("the red ring" fits what another tile knows as "the small red ring") and say
that it is one ("the man beside the red ring" is no ring). Left
to chance, hardly an expression would have several targets; so tiles that share one are drawn, and picked,
more often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.trainer.pictures import TargetObject, TrainingPicture, View, beside, object_view
from synres.domain.mosaic import Box, Tile, compose_mosaic, plan_mosaic
from synres.domain.superclass import known_words
from synres.domain.types import Expression
from synres.domain.words import head_word, plain_words
from synres.errors import InvalidInput
from synres.ports import Image, Mask

RELATED_SHARE = 0.4
"""Chance of a tile to be drawn among the objects that share an expression with the first synthetic tile."""
SHARED_WEIGHT = 5.0
"""An expression with several targets is picked so many times more often than one with a single target."""

_ANY = frozenset({"thing", "object"})
"""Nouns that fit whatever has the other words."""
Place = tuple[TrainingPicture, TargetObject]


@dataclass(frozen=True, slots=True)
class PlacedObject:
    """An object in a mosaic: its mask in its tile, the tile's place, all words known to fit it, and those of
    them that say what it is."""

    expressions: tuple[Expression, ...]
    box: Box
    mask: Mask
    category: str
    words: frozenset[str]
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Mosaic:
    """(side, side, 3) uint8 and what is named in it."""

    image: Image
    objects: tuple[PlacedObject, ...]

    def expressions(self) -> list[Expression]:
        """All that an object was named by, sorted."""
        return sorted({expression for found in self.objects for expression in found.expressions})

    def named(self, expression: Expression) -> list[PlacedObject]:
        """All objects that are known to fit the expression."""
        words = set(plain_words(expression)) - _ANY
        kind = {head_word(expression)} & words
        return [
            found
            for found in self.objects
            if expression in found.expressions or (words <= found.words and kind <= found.kinds)
        ]

    def category(self, expression: Expression) -> str:
        """Of the first object that was named so."""
        return next(found.category for found in self.objects if expression in found.expressions)

    def mask(self, expression: Expression) -> Mask:
        """(side, side): all that the expression names. Masks stay in their tiles until somebody asks."""
        whole = np.zeros(self.image.shape[:2], np.bool_)
        for found in self.named(expression):
            found.box.of(whole)[:] |= found.mask
        return whole


class MosaicPool:
    """The pictures that give tiles; objects are found by the expressions that they share."""

    def __init__(self, pictures: Sequence[TrainingPicture]) -> None:
        self._pictures = [picture for picture in pictures if picture.targets]
        self._by_expression: dict[Expression, list[Place]] = {}
        self._by_category: dict[str, list[Place]] = {}
        for picture in pictures:
            for found in picture.targets:
                self._by_category.setdefault(found.category, []).append((picture, found))
                for expression in found.expressions:
                    self._by_expression.setdefault(expression, []).append((picture, found))

    def draw(self, count: int, generator: np.random.Generator) -> list[Place]:
        """`count` objects of the pool."""
        first = self._any(generator)
        expressions = first[1].expressions
        related = self._by_expression[expressions[int(generator.integers(len(expressions)))]]
        others = [
            related[int(generator.integers(len(related)))]
            if generator.random() < RELATED_SHARE
            else self._any(generator)
            for _ in range(count - 1)
        ]
        return [first, *others]

    def draw_alike(self, count: int, generator: np.random.Generator) -> list[Place]:
        """`count` objects of one category: what looks alike is told apart by attributes alone."""
        alike = self._by_category[self._any(generator)[1].category]
        return [alike[int(generator.integers(len(alike)))] for _ in range(count)]

    def _any(self, generator: np.random.Generator) -> Place:
        if not self._pictures:
            raise InvalidInput("no picture that mosaics take their tiles from shows what it is asked for")
        picture = self._pictures[int(generator.integers(len(self._pictures)))]
        return picture, any_object(picture, generator)


def any_object(picture: TrainingPicture, generator: np.random.Generator) -> TargetObject:
    """One of the picture's objects that are really there."""
    targets = picture.targets
    return targets[int(generator.integers(len(targets)))]


def make_mosaic(places: Sequence[Place], side: int, seed: int, superclasses: Mapping[str, str]) -> Mosaic:
    """Each object in a tile of its own, the real one first."""
    layout = plan_mosaic(seed, len(places), (side, side))
    views = [object_view(*place, (box.height, box.width)) for place, box in zip(places, layout, strict=True)]
    return mosaic_of_views(views, layout, superclasses)


def bystanders(places: Sequence[Place], side: int, seed: int) -> list[tuple[str, Expression]]:
    """Category and expressions of what that mosaic's tiles show beside their own objects.

    No expression of the mosaic names these, so a broader noun must not make one fit them.
    """
    layout = plan_mosaic(seed, len(places), (side, side))
    shown = [
        found
        for place, box in zip(places, layout, strict=True)
        for found in beside(*place, (box.height, box.width))
    ]
    return list(dict.fromkeys((found.category, e) for found in shown for e in found.expressions))


def mosaic_of_views(views: Sequence[View], layout: Sequence[Box], superclasses: Mapping[str, str]) -> Mosaic:
    """Views of the sizes of their boxes, in one picture; an object that no pixel shows is left out."""
    # what an expression names is decided over the whole mosaic, so tiles come without targets
    whole = compose_mosaic(layout, [Tile(view.image, {}) for view in views])
    placed = [
        PlacedObject(
            found.expressions,
            box,
            mask,
            found.category,
            known_words((found.category, *found.expressions), superclasses),
            known_words((found.category, *map(head_word, found.expressions)), superclasses),
        )
        for view, box in zip(views, layout, strict=True)
        for found, mask in zip(view.objects, view.masks, strict=True)
        if mask.any()
    ]
    return Mosaic(whole.image, tuple(placed))
