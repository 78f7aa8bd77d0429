"""The micro captioner: distinct, mostly true, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from services.captioner.backends.micro import MicroCaptioner, object_window, read_caption
from services.captioner.backends.micro_coca import END, START, TOKENS
from synres.errors import RejectedItem
from synres.microworld.expressions import matches, parse_expression
from synres.microworld.render import render
from synres.microworld.scene import SceneObjectSpec, random_scene
from synres.ports import ObjectView


@pytest.fixture(scope="module")
def captioner() -> MicroCaptioner:
    return MicroCaptioner()


def _views(seed: int) -> list[tuple[ObjectView, SceneObjectSpec]]:
    scene = random_scene(np.random.default_rng(seed), (4, 4))
    image, masks = render(scene)
    return [
        (ObjectView(image, mask, spec.shape), spec) for mask, spec in zip(masks, scene.objects, strict=True)
    ]


def _ids(*words: str) -> list[int]:
    return [START, *(TOKENS.index(word) for word in words), END, END]


def test_expressions_are_distinct_and_mostly_true(captioner: MicroCaptioner) -> None:
    """Of the expressions for the objects of fresh scenes at least three quarters are true."""
    true: list[bool] = []
    for view, spec in [pair for seed in range(6) for pair in _views(seed)]:
        expressions = captioner.caption(view, 5, seed=3).expressions
        assert len(set(expressions)) == 5
        true += [matches(spec, parse_expression(expression)) for expression in expressions]
    assert np.mean(true) >= 0.75


def test_seed_alone_decides(captioner: MicroCaptioner) -> None:
    """The same view and seed give the same expressions, whatever was captioned before."""
    (first, _), (second, _) = _views(7)[:2]
    before = captioner.caption(first, 4, seed=2**62)
    captioner.caption(second, 4, seed=1)
    assert captioner.caption(first, 4, seed=2**62) == before


def test_too_few_expressions_is_a_rejection(captioner: MicroCaptioner) -> None:
    """Nobody can say 100 different things of one object in four words."""
    with pytest.raises(RejectedItem) as caught:
        captioner.caption(_views(1)[0][0], 100, seed=0)
    assert caught.value.reason == "too_few_expressions"


def test_captions_must_be_well_formed() -> None:
    """Words out of order or without a noun are no caption; "thing" states nothing."""
    assert read_caption(_ids("small", "red", "star")) == {"size": "small", "colour": "red", "shape": "star"}
    assert read_caption(_ids("striped", "thing")) == {"texture": "striped"}
    assert read_caption(_ids("star", "red")) == {}
    assert read_caption(_ids("small", "red")) == {}
    assert read_caption(_ids("thing")) == {}


def test_window_is_half_a_scene_or_the_box_with_context() -> None:
    """A small object keeps its scale; a box larger than half the picture is shrunk to fit."""
    image = np.zeros((96, 96, 3), np.uint8)
    small, large = np.zeros((96, 96), bool), np.zeros((96, 96), bool)
    small[40:50, 40:50] = True
    image[small] = 255
    assert (object_window(image, small) == 255).sum() == 300
    large[5:95, 5:95] = True
    image[large] = 255
    window = object_window(image, large)
    assert window.shape == (48, 48, 3)
    assert 0.6 < (window > 200).mean() < 0.9
