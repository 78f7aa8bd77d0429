"""Attribute expressions: read back as written, true of their object, and of no other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres.data.attributes import describe
from synres.data.claims import (
    EXTREMES,
    NEAREST,
    ONLY,
    PLACES,
    RANKS,
    RELATIONS,
    SIDES,
    SIZES,
    Claims,
    parse_claims,
)
from synres.data.colours import COLOURS
from synres.data.facts import Facts, measure
from synres.data.naming import named
from synres.ports import SceneMask

NOUNS = ("chair", "dining table", "table", "cup")
ORDERS = ("", ONLY, *SIZES, *EXTREMES, *(f"{rank} {side}" for rank in RANKS for side in SIDES))
plain = st.builds(
    Claims, st.sampled_from(("", *NOUNS)), st.sampled_from(("", *COLOURS)), st.sampled_from(("", *PLACES)),
    st.sampled_from(ORDERS),
)  # fmt: skip
related = st.builds(
    Claims, st.sampled_from(("", *NOUNS)), st.sampled_from(("", *COLOURS)),
    relation=st.sampled_from(RELATIONS), landmark=plain,
)  # fmt: skip


def facts(category: str, x: float, y: float, area: float = 0.02, colour: str = "") -> Facts:
    shares = tuple(1.0 if name == colour else 0.0 for name in COLOURS)
    return Facts(category, area, x, y, shares)


SCENE = [
    facts("chair", 0.1, 0.5, 0.02, "red"),
    facts("chair", 0.4, 0.5, 0.05, "blue"),
    facts("chair", 0.9, 0.2, 0.02, "blue"),
    facts("cup", 0.5, 0.9, 0.01, "red"),
]


@given(st.one_of(plain, related))
def test_claims_are_read_back_as_they_were_written(claims: Claims) -> None:
    """Text and parse are inverses, also with a landmark and with nouns inside nouns."""
    assert parse_claims(claims.text(), NOUNS) == claims


@pytest.mark.parametrize(
    ("expression", "claims"),
    [
        ("A man in a RED shirt, on the left.", Claims("man", "red", "left")),
        ("second cup from the right", Claims("cup", order="second right")),
        ("the leftmost chair", Claims("chair", order="leftmost")),
        ("something nice", Claims()),
        ("the chair left of the red cup", Claims("chair", relation="left of", landmark=Claims("cup", "red"))),
    ],
)
def test_free_text_is_read_as_far_as_it_goes(expression: str, claims: Claims) -> None:
    """Unknown words claim nothing."""
    assert parse_claims(expression, ("man", "chair", "cup")) == claims


@pytest.mark.parametrize(
    ("claims", "index"),
    [
        (Claims("cup"), 3),
        (Claims("cup", order=ONLY), 3),
        (Claims("chair"), None),
        (Claims("chair", "red"), 0),
        (Claims("", "red"), None),
        (Claims("chair", order="largest"), 1),
        (Claims("chair", order="smallest"), None),
        (Claims("chair", order="second left"), 1),
        (Claims("chair", order="third left"), 2),
        (Claims("chair", order="rightmost"), 2),
        (Claims("", "blue", order="leftmost"), 1),
        (Claims("chair", place="right"), 2),
        (Claims("cup", order="largest"), None),
        (Claims("chair", relation="left of", landmark=Claims("cup")), 0),
        (Claims("chair", relation="above", landmark=Claims("cup")), None),
        (Claims("chair", relation=NEAREST, landmark=Claims("cup")), 1),
        (Claims("chair", relation=NEAREST, landmark=Claims("chair")), None),
    ],
)
def test_which_object_claims_name(claims: Claims, index: int | None) -> None:
    """Worked by hand on a scene of three chairs and a cup; None where two could be meant, or none."""
    assert named(claims, SCENE) == index


def test_a_dispute_names_nothing() -> None:
    """A chair that is a third red is neither red nor not red: "the red chair" is refused for both."""
    shares = tuple({"red": 0.35, "blue": 0.65}.get(name, 0.0) for name in COLOURS)
    scene = [facts("chair", 0.2, 0.5, colour="red"), Facts("chair", 0.02, 0.8, 0.5, shares)]
    assert named(Claims("chair", "red"), scene) is None


scenes = st.lists(
    st.builds(
        facts, st.sampled_from(["chair", "cup"]), st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 0.3),
        st.sampled_from(["red", "blue", ""]),
    ),
    min_size=1, max_size=7,
)  # fmt: skip


@given(scenes, st.integers(0, 2**32))
def test_descriptions_are_true_distinct_and_read_back(scene: list[Facts], seed: int) -> None:
    """Whatever is said of an object, read as text, names that object and no other."""
    for target in range(len(scene)):
        expressions = describe(scene, target, 5, np.random.default_rng(seed))
        assert len(set(expressions)) == len(expressions) <= 5
        for expression in expressions:
            assert named(parse_claims(expression, {f.category for f in scene}), scene) == target


def test_descriptions_state_different_attributes() -> None:
    """The first expressions of an object differ in the kinds of attribute that they state, for any seed."""
    for seed in range(20):
        said = [parse_claims(e, ("chair", "cup")) for e in describe(SCENE, 0, 5, np.random.default_rng(seed))]
        assert len({claims.attributes() for claims in said}) >= 4


def test_measured_facts_of_a_drawn_object() -> None:
    """A red square in the lower right corner: share of the picture, centre and colour are exact."""
    image = np.full((10, 20, 3), 128, np.uint8)
    mask = np.zeros((10, 20), np.bool_)
    mask[5:10, 15:20] = True
    image[mask] = (205, 32, 32)
    (found,) = measure(image, [SceneMask("box", mask)])
    assert (found.category, found.area, found.x, found.y) == ("box", 0.125, 0.875, 0.75)
    assert found.colour == "red"


def test_an_object_without_pixels_is_named_by_nothing() -> None:
    """A hidden object has area 0, and no claim counts it."""
    empty = SceneMask("box", np.zeros((4, 4), np.bool_))
    (found,) = measure(np.zeros((4, 4, 3), np.uint8), [empty])
    assert found.area == 0
    assert named(Claims("box"), [found]) is None
