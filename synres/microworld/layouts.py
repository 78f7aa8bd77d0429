"""Scenes together with the expressions asked of them: the biased real kind, and the two kinds of the
benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from synres.domain.types import Expression
from synres.microworld.expressions import Constraints, express, matches, matching_objects, stands_at
from synres.microworld.scene import Attributes, Scene, place, random_attributes
from synres.microworld.vocabulary import (
    COLOURS,
    DAY,
    POSITIONS,
    SHAPES,
    SIZES,
    SUPERCLASS_OF,
    SUPERCLASSES,
    TEXTURES,
)

REAL_FORMS = {
    "class": 0.685,
    "colour": 0.14,
    "position": 0.105,
    "size": 0.022,
    "texture": 0.018,
    "thing": 0.03,
}
"""How often a form is tried: the class alone, the class and one attribute, or "thing" and a colour. A form
that names several objects is drawn again, so that 62% come out class only, 18% with colour, 12% with a
place and 8% the rest."""
USUAL_COLOURS = {
    shape: (tuple(COLOURS)[i], tuple(COLOURS)[(i + 3) % len(COLOURS)]) for i, shape in enumerate(SHAPES)
}
_USUAL_COLOUR_SHARE, _PLAIN_SHARE, _TWIN_SHARE = 0.93, 0.75, 0.45

_MULTI_TARGET_FORMS: tuple[tuple[str, ...], ...] = (
    ("colour",), ("texture",), ("shape", "colour"), ("shape", "texture"), ("shape", "size"),
    ("colour", "texture"), ("shape",), ("superclass",), ("superclass", "colour"),
)  # fmt: skip
_MANY_ATTRIBUTE_FORMS: tuple[tuple[str, ...], ...] = (
    ("shape", "colour", "texture", "size"), ("shape", "colour", "texture"),
    ("shape", "colour", "size"), ("colour", "texture", "size"), ("shape", "texture", "size"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """A scene and the expressions that are asked of it."""

    scene: Scene
    expressions: tuple[Expression, ...]


def real_layout(rng: np.random.Generator) -> Layout:
    """3 to 6 objects as they usually look, and expressions that each name exactly one of them."""
    count = int(rng.integers(3, 7))
    shapes = [SHAPES[i] for i in rng.permutation(len(SHAPES))[:count]]
    if rng.random() < _TWIN_SHARE:
        shapes[0] = shapes[-1]
    scene = place(rng, [_usual_attributes(rng, shape) for shape in shapes])
    wanted = int(rng.choice([2, 3, 4], p=[0.3, 0.55, 0.15]))
    found = [_real_expression(rng, scene, int(index)) for index in rng.permutation(count)]
    return Layout(scene, tuple(text for text in found if text)[:wanted])


def _usual_attributes(rng: np.random.Generator, shape: str) -> Attributes:
    item = replace(random_attributes(rng), shape=shape)
    if rng.random() < _USUAL_COLOUR_SHARE:
        item = replace(item, colour=USUAL_COLOURS[shape][rng.integers(2)])
    if rng.random() < _PLAIN_SHARE:
        return replace(item, texture="plain")
    return replace(item, texture=TEXTURES[rng.integers(1, len(TEXTURES))])


def _real_expression(rng: np.random.Generator, scene: Scene, index: int) -> Expression:
    """ "" if no form that was drawn names this object alone."""
    for form in rng.choice(list(REAL_FORMS), 3, p=list(REAL_FORMS.values())):
        stated = _state(rng, scene, index, str(form))
        if matching_objects(scene, stated) == (index,):
            return express(stated)
    return ""


def _state(rng: np.random.Generator, scene: Scene, index: int, form: str) -> Constraints:
    spec = scene.objects[index]
    if form == "thing":
        return Constraints(colour=spec.colour)
    if form == "class":
        return Constraints(spec.shape)
    if form == "position":
        places = [name for name in POSITIONS if stands_at(spec, name, scene.side)] or POSITIONS
        return Constraints(spec.shape, position=places[rng.integers(len(places))])
    return replace(Constraints(spec.shape), **{form: getattr(spec, form)})


def multi_target_layout(rng: np.random.Generator, domain: str = DAY) -> Layout:
    """5 to 8 objects, of which 2 to 4 share what the expression states."""
    form = _MULTI_TARGET_FORMS[rng.integers(len(_MULTI_TARGET_FORMS))]
    stated = constraints_of(random_attributes(rng), form)
    count, targets = int(rng.integers(5, 9)), int(rng.integers(2, 5))
    items = [conform(rng, random_attributes(rng), stated) for _ in range(targets)]
    while len(items) < count:
        items.append(_outsider(rng, stated, random_attributes(rng)))
    return Layout(_shuffled(rng, items, domain), (express(stated, plural=True),))


def many_attribute_layout(rng: np.random.Generator, domain: str = DAY) -> Layout:
    """5 to 8 objects: one target, 2 or 3 that each differ from it in one stated attribute, and others."""
    form = _MANY_ATTRIBUTE_FORMS[rng.integers(len(_MANY_ATTRIBUTE_FORMS))]
    target = random_attributes(rng)
    stated = constraints_of(target, form)
    count, near = int(rng.integers(5, 9)), int(rng.integers(2, 4))
    items = [target, *(differ(rng, target, str(name)) for name in rng.permutation(form)[:near])]
    while len(items) < count:
        items.append(_outsider(rng, stated, random_attributes(rng)))
    return Layout(_shuffled(rng, items, domain), (express(stated),))


def constraints_of(item: Attributes, form: Sequence[str]) -> Constraints:
    """States the named attributes of an object; "superclass" stands for its shape's broader noun."""
    values = {
        name: SUPERCLASS_OF[item.shape] if name == "superclass" else getattr(item, name) for name in form
    }
    return Constraints(**values)


def conform(rng: np.random.Generator, item: Attributes, stated: Constraints) -> Attributes:
    """The object with every stated attribute; a superclass picks one of its shapes."""
    if stated.superclass and SUPERCLASS_OF[item.shape] != stated.superclass:
        shapes = SUPERCLASSES[stated.superclass]
        item = replace(item, shape=shapes[rng.integers(len(shapes))])
    wanted = {name: getattr(stated, name) for name in ("shape", "colour", "texture", "size")}
    return replace(item, **{name: value for name, value in wanted.items() if value})


def differ(rng: np.random.Generator, item: Attributes, name: str) -> Attributes:
    """The object with another value of the named attribute."""
    values = {"shape": SHAPES, "colour": tuple(COLOURS), "texture": TEXTURES, "size": tuple(SIZES)}[name]
    others = [value for value in values if value != getattr(item, name)]
    return replace(item, **{name: others[rng.integers(len(others))]})


def _outsider(rng: np.random.Generator, stated: Constraints, item: Attributes) -> Attributes:
    while matches(item, stated):
        item = random_attributes(rng)
    return item


def _shuffled(rng: np.random.Generator, items: Sequence[Attributes], domain: str) -> Scene:
    return place(rng, [items[i] for i in rng.permutation(len(items))], domain)
