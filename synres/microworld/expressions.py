"""From attributes to words and back.

`express(constraints, plural)` writes "the small red circle on the left"; `parse_expression(text)` reads it
again, whatever its determiners and plurals; `matching_objects(scene, constraints)` says which objects it
names.
"""

from __future__ import annotations

from dataclasses import dataclass

from synres.domain.types import Expression
from synres.domain.words import plain_words
from synres.errors import InvalidInput
from synres.microworld.scene import Attributes, Scene, SceneObjectSpec
from synres.microworld.vocabulary import (
    COLOURS,
    POSITIONS,
    SHAPES,
    SIZES,
    SUPERCLASS_OF,
    SUPERCLASSES,
    TEXTURES,
    THING,
)

_PLACES = {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom"}
_NEAR, _FAR = 0.42, 0.58


@dataclass(frozen=True, slots=True)
class Constraints:
    """What an expression states; "" leaves an attribute open. At most one of `shape` and `superclass` is
    stated."""

    shape: str = ""
    superclass: str = ""
    colour: str = ""
    texture: str = ""
    size: str = ""
    position: str = ""

    @property
    def noun(self) -> str:
        return self.shape or self.superclass or THING


_FIELD_OF: dict[str, str] = {
    **dict.fromkeys(SHAPES, "shape"),
    **dict.fromkeys(SUPERCLASSES, "superclass"),
    **dict.fromkeys(COLOURS, "colour"),
    **dict.fromkeys(TEXTURES, "texture"),
    **dict.fromkeys(SIZES, "size"),
    **dict.fromkeys(POSITIONS, "position"),
}


def express(constraints: Constraints, plural: bool = False) -> Expression:
    """The expression, for example "the large striped stars at the top"."""
    noun = constraints.noun
    if plural:
        noun += "es" if noun.endswith("ss") else "s"
    words = [
        "the",
        constraints.size,
        constraints.colour,
        constraints.texture,
        noun,
        _PLACES.get(constraints.position, ""),
    ]
    return " ".join(word for word in words if word)


def parse_expression(text: Expression) -> Constraints:
    """What the expression states; raises InvalidInput for a word that the micro world does not know."""
    stated: dict[str, str] = {}
    for word in plain_words(text):
        if word == THING:
            continue
        if word not in _FIELD_OF:
            raise InvalidInput(
                f'the expression "{text}" holds "{word}", which is no word of the micro world; '
                "synres.microworld.vocabulary.WORDS lists them"
            )
        stated.setdefault(_FIELD_OF[word], word)
    return Constraints(**stated)


def matches(item: Attributes | SceneObjectSpec, constraints: Constraints) -> bool:
    """True if the object has every stated attribute, its place aside."""
    if constraints.superclass and SUPERCLASS_OF[item.shape] != constraints.superclass:
        return False
    return all(
        getattr(constraints, name) in ("", getattr(item, name))
        for name in ("shape", "colour", "texture", "size")
    )


def stands_at(spec: SceneObjectSpec, position: str, side: int) -> bool:
    """True if the object's centre is in the named half of the picture, clear of the middle."""
    share = (spec.x if position in ("left", "right") else spec.y) / side
    return share < _NEAR if position in ("left", "top") else share > _FAR


def matching_objects(scene: Scene, constraints: Constraints) -> tuple[int, ...]:
    """Indices of the objects that the constraints name, ascending."""
    place = constraints.position
    return tuple(
        index
        for index, spec in enumerate(scene.objects)
        if matches(spec, constraints) and (not place or stands_at(spec, place, scene.side))
    )
