"""The cutpaste generator: prompts decide colour, cut-outs and places; masks are exact."""

from __future__ import annotations

import numpy as np
import pytest

from services.generator.backends.cutpaste import CutpasteGenerator
from synres.data.claims import parse_claims
from synres.data.colours import COLOURS, colour_shares
from synres.data.facts import measure
from synres.data.naming import named
from synres.errors import RejectedItem
from synres.ports import GeneratedImage, GeneratorInput, ObjectView, SceneMask
from tests.unit.data.photo import SIZE, THINGS, photo, things


def view(noun: str) -> ObjectView:
    target = next(thing for thing in things() if thing.category == noun)
    return ObjectView(photo(), target.mask, noun, tuple(t for t in things() if t.category != noun))


def generate(noun: str, *expressions: str, pictures: int = 4) -> list[GeneratedImage]:
    request = GeneratorInput(", ".join(expressions), expressions, view(noun))
    return CutpasteGenerator().generate(request, range(pictures))


@pytest.mark.parametrize(
    ("noun", "expressions"),
    [
        ("cup", ("the red cup", "the object left of the box", "the cup on the left")),
        ("ball", ("the yellow ball", "the ball", "the object below the box")),
        ("book", ("the blue object", "the book", "the largest object")),
    ],
)
def test_every_expression_is_true_of_the_scene(noun: str, expressions: tuple[str, ...]) -> None:
    """Each exact mask is that of the one object which the expression names, and it is the target."""
    for made in generate(noun, *expressions):
        assert made.exact_masks is not None
        assert all(mask.shape == made.image.shape[:2] for mask in made.exact_masks)
        assert made.exact_masks[0].any()
        assert all(np.array_equal(mask, made.exact_masks[0]) for mask in made.exact_masks)


def test_colour_words_dye_the_target() -> None:
    """A red cup asked for in purple comes out purple, and the mask shows where."""
    for made in generate("cup", "the purple cup", "the purple object"):
        assert made.exact_masks is not None
        pixels = made.image[made.exact_masks[0]]
        assert COLOURS[int(colour_shares(pixels).argmax())] == "purple"


def test_an_expression_that_the_scene_belies_has_an_empty_mask() -> None:
    """Nothing can be both the only cup and right of the only cup: the mask is empty, the other is not."""
    for made in generate("cup", "the cup", "the cup right of the cup"):
        assert made.exact_masks is not None
        assert made.exact_masks[0].any()
        assert not made.exact_masks[1].any()


def test_words_that_claim_nothing_name_the_target() -> None:
    """Text of a captioner that knows other words still gets a picture and a mask."""
    for made in generate("cup", "something to drink from"):
        assert made.exact_masks is not None
        red = colour_shares(made.image[made.exact_masks[0]])[COLOURS.index("red")]
        assert red > 0.5


def test_pictures_differ_by_seed_and_only_by_seed() -> None:
    """Equal seeds give equal bytes, alone or in a batch; other seeds give other pictures."""
    request = GeneratorInput("the red cup", ("the red cup",), view("cup"))
    batch = CutpasteGenerator().generate(request, [7, 8, 9])
    alone = CutpasteGenerator().generate(request, [8])
    assert np.array_equal(batch[1].image, alone[0].image)
    assert batch[0].image.shape != batch[1].image.shape or not np.array_equal(batch[0].image, batch[1].image)


def test_the_order_of_neighbours_does_not_matter() -> None:
    """All samples of one photo share a studio: others listed in another order give the same picture."""
    one = view("cup")
    other = ObjectView(one.image, one.mask, one.category, one.others[::-1])
    pictures = [
        CutpasteGenerator().generate(GeneratorInput("the red cup", ("the red cup",), seen), [3])[0].image
        for seen in (one, other)
    ]
    assert np.array_equal(*pictures)


def test_a_mask_below_a_pixel_is_rejected() -> None:
    """An object that vanishes at working size cannot be cut out."""
    image = np.zeros((2000, 2000, 3), np.uint8)
    dot = np.zeros((2000, 2000), np.bool_)
    dot[5, 5] = True
    request = GeneratorInput("the dot", ("the dot",), ObjectView(image, dot, "dot"))
    with pytest.raises(RejectedItem) as caught:
        CutpasteGenerator().generate(request, [0])
    assert caught.value.reason == "object_too_small"


def test_expressions_stay_true_when_measured_anew() -> None:
    """The mask's object, measured in the finished picture against the ground, has the claimed colour."""
    for made in generate("box", "the green box on the right"):
        assert made.exact_masks is not None
        scene = measure(made.image, [SceneMask("box", made.exact_masks[0])])
        assert named(parse_claims("the green box on the right", set(THINGS)), scene) == 0
        assert made.image.shape[0] <= SIZE[0]
