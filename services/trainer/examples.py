"""One training picture with what is asked of it, and how expressions and their masks are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.trainer.pictures import TrainingPicture, View
from services.trainer.trainable import Manner
from synres.domain.types import Expression
from synres.ports import Image, Mask


@dataclass(frozen=True, slots=True)
class Example:
    """One training picture and the expressions drawn for it, with masks. `tiles` is 1 without mosaic."""

    image: Image
    targets: tuple[tuple[Expression, Mask], ...]
    refusals: int
    tiles: int
    manners: tuple[Manner, ...] = ()
    """One for each target, or none: all are plain."""
    passed_over: int = 0
    """Draws before this one whose picture showed none of the expressions."""

    @property
    def shows_nothing(self) -> bool:
        """Something is asked for, and nothing of it is there."""
        talks = any(manner.turns for manner in self.manners)
        return bool(self.targets) and not talks and not any(mask.any() for _, mask in self.targets)


def reworded(expression: Expression, category: str, generator: np.random.Generator) -> Expression:
    """A part of an object, whose category is "object:part", is "object part" or "the part of the object"."""
    whole, _, part = category.partition(":")
    if not part or expression != f"{whole} {part}" or generator.random() < 0.5:
        return expression
    return f"the {part} of the {whole}"


def others_of(picture: TrainingPicture, name: Expression) -> list[tuple[str, Expression]]:
    """What else is there, by category and expression."""
    others = [found for found in picture.targets if name not in found.expressions]
    return [(found.category, expression) for found in others for expression in found.expressions]


def pick(
    names: Sequence[Expression], weights: NDArray[np.float64], count: int, generator: np.random.Generator
) -> list[Expression]:
    """So many of the names, each once, in a drawn order; none of none."""
    if not names:
        return []
    chosen = generator.choice(len(names), count, replace=False, p=weights / weights.sum())
    return [names[k] for k in chosen]


def targets_of(view: View) -> dict[Expression, Mask]:
    """Each expression's mask in the view; an expression of two objects names both."""
    targets: dict[Expression, Mask] = {}
    for found, mask in zip(view.objects, view.masks, strict=True):
        # a small object can vanish when its picture shrinks
        for expression in found.expressions if mask.any() or not found.has_target else ():
            targets[expression] = targets[expression] | mask if expression in targets else mask
    return targets
