"""The learned generator: reads prompts, composes pictures, shows what it was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from services.generator.backends.micro import (
    GUIDANCE,
    MicroGenerator,
    compose,
    read_prompt,
)  # fmt: skip
from synres.errors import RejectedItem
from synres.microworld.expressions import Constraints
from synres.microworld.scene import random_attributes
from synres.models.micro_audit import ATTRIBUTES, audit, load_audit
from synres.ports import GeneratorInput
from synres.stages.generate import NO_VIEW


@pytest.fixture(scope="module")
def generator() -> MicroGenerator:
    return MicroGenerator()


def _request(prompt: str) -> GeneratorInput:
    return GeneratorInput(prompt, tuple(prompt.split(", ")), NO_VIEW)


def test_requested_attributes_are_shown(generator: MicroGenerator) -> None:
    """Well above chance on 96 prompts: .5 for size, .25 for texture, .125 for colour and shape."""
    rng = np.random.default_rng(8)
    wanted = [random_attributes(rng) for _ in range(96)]
    pictures = generator.draw(wanted, [GUIDANCE] * 96, seed=4)
    requested = [{name: str(getattr(one, name)) for name in ATTRIBUTES} for one in wanted]
    accuracy = audit(load_audit(), pictures, requested)
    assert accuracy["colour"] >= 0.9
    assert accuracy["size"] >= 0.8
    assert accuracy["texture"] >= 0.6
    assert accuracy["shape"] >= 0.4


def test_a_picture_depends_on_its_own_seed(generator: MicroGenerator) -> None:
    """The same seed gives the same bytes alone and among others; another seed another picture."""
    request = _request("the red star, the large red thing")
    first, second = generator.generate(request, [11, 12])
    again = generator.generate(request, [12])[0]
    assert first.image.shape == (96, 96, 3)
    assert first.exact_masks is None
    assert np.array_equal(second.image, again.image)
    assert not np.array_equal(first.image, second.image)


def test_most_stated_word_wins() -> None:
    """Expressions that contradict each other are settled by the majority, ties by order."""
    assert read_prompt("the red star, the red cross, the large cross") == Constraints(
        "cross", "", "red", "", "large"
    )
    assert read_prompt("the red star, the blue star") == Constraints("star", "", "red")
    assert read_prompt("the roundel, the circle") == Constraints("circle")


def test_unknown_word_is_a_rejection() -> None:
    """A word outside the micro world is bad data, not a guess."""
    with pytest.raises(RejectedItem) as caught:
        read_prompt("the red giraffe")
    assert caught.value.reason == "unknown_word"


def test_tiles_lie_in_reading_order() -> None:
    """Each quarter's middle shows its own tile, and even tiles make an even picture."""
    tiles = np.stack([np.full((48, 48, 3), value, np.uint8) for value in (10, 80, 150, 220)])
    picture = compose(tiles, np.random.default_rng(0))
    assert [int(picture[y, x, 0]) for y in (24, 72) for x in (24, 72)] == [10, 80, 150, 220]
    assert (compose(np.full((4, 48, 48, 3), 99, np.uint8), np.random.default_rng(1)) == 99).all()
