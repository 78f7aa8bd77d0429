"""The attributes captioner: pixels in, distinct expressions out."""

from __future__ import annotations

import numpy as np
import pytest

from services.captioner.backends.attributes import AttributesCaptioner
from synres.data.claims import parse_claims
from synres.data.facts import measure
from synres.data.naming import named
from synres.errors import RejectedItem
from synres.ports import Mask, ObjectView, SceneMask


def square(y: int, x: int, side: int = 12) -> Mask:
    mask = np.zeros((64, 64), np.bool_)
    mask[y : y + side, x : x + side] = True
    return mask


def view(*others: SceneMask) -> ObjectView:
    image = np.full((64, 64, 3), 128, np.uint8)
    image[square(4, 4)] = (205, 32, 32)
    image[square(40, 44)] = (45, 85, 210)
    return ObjectView(image, square(4, 4), "cup", others)


def test_expressions_are_true_of_the_object_alone() -> None:
    """Each of the five names the red cup among red and blue cups, measured anew from the pixels."""
    seen = view(SceneMask("cup", square(40, 44)), SceneMask("plate", square(30, 2, 20)))
    expressions = AttributesCaptioner().caption(seen, 5, seed=3).expressions
    assert len(set(expressions)) == 5
    scene = measure(seen.image, [SceneMask("cup", seen.mask), *seen.others])
    assert [named(parse_claims(e, ("cup", "plate")), scene) for e in expressions] == [0] * 5


def test_a_seed_gives_the_same_expressions() -> None:
    """Pure in view and seed; another seed says other things."""
    captioner = AttributesCaptioner()
    seen = view(SceneMask("cup", square(40, 44)))
    assert captioner.caption(seen, 4, 1) == captioner.caption(seen, 4, 1)
    assert captioner.caption(seen, 4, 1) != captioner.caption(seen, 4, 2)


def test_an_object_that_cannot_be_told_apart_is_rejected() -> None:
    """Two masks of one object: nothing is true of one and not of the other."""
    twin = square(4, 4)
    with pytest.raises(RejectedItem, match="0 of 5") as caught:
        AttributesCaptioner().caption(view(SceneMask("cup", twin)), 5, 0)
    assert caught.value.reason == "too_few_expressions"
