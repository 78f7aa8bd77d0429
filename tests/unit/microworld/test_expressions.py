"""Attributes to words and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres.errors import InvalidInput
from synres.microworld.expressions import (
    Constraints,
    express,
    matching_objects,
    parse_expression,
)
from synres.microworld.scene import Scene, SceneObjectSpec
from synres.microworld.vocabulary import COLOURS, POSITIONS, SHAPES, SIZES, SUPERCLASSES, TEXTURES


def _or_open(values: object) -> st.SearchStrategy[str]:
    return st.sampled_from(["", *values])  # type: ignore[misc]


_nouns = st.one_of(
    st.builds(dict, shape=_or_open(SHAPES)), st.builds(dict, superclass=st.sampled_from(list(SUPERCLASSES)))
)
_adjectives = st.fixed_dictionaries(
    {
        "colour": _or_open(COLOURS),
        "texture": _or_open(TEXTURES),
        "size": _or_open(SIZES),
        "position": _or_open(POSITIONS),
    }
)


@given(_nouns, _adjectives, st.booleans())
def test_phrase_is_read_back(noun: dict[str, str], adjectives: dict[str, str], plural: bool) -> None:
    """Whatever is stated can be read from the text, in the singular and in the plural."""
    stated = Constraints(**noun, **adjectives)
    assert parse_expression(express(stated, plural)) == stated


def test_words_of_an_expression() -> None:
    """The order of words is that of English."""
    stated = Constraints("cross", colour="red", texture="striped", size="small", position="top")
    assert express(stated, plural=True) == "the small red striped crosses at the top"


def test_unknown_word_is_named() -> None:
    """A word outside the vocabulary is refused by name."""
    with pytest.raises(InvalidInput, match='"bottle"'):
        parse_expression("the red bottle")


def _spec(shape: str, colour: str, x: float) -> SceneObjectSpec:
    return SceneObjectSpec(shape, colour, "plain", "small", x, 50.0, 0.0, 7.0)


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("the red things", (0, 2)),
        ("the circle", (0, 1)),
        ("the roundels", (0, 1)),
        ("the blue circle", (1,)),
        ("the red thing on the right", (2,)),
        ("the large circle", ()),
        ("the polygon at the top", ()),
    ],
)
def test_matching_objects(text: str, targets: tuple[int, ...]) -> None:
    """An expression names every object with all stated attributes, and no other."""
    scene = Scene((_spec("circle", "red", 10), _spec("circle", "blue", 48), _spec("bar", "red", 90)), 0)
    assert matching_objects(scene, parse_expression(text)) == targets
