"""The renderer driven by expressions."""

from __future__ import annotations

import numpy as np
import pytest

from services.generator.backends.procedural import ProceduralGenerator
from synres.errors import RejectedItem
from synres.microworld.procedural import render_prompt
from synres.ports import GeneratorInput, ObjectView

EXPRESSIONS = ("the red star", "the striped thing", "the red striped star on the left")
_VIEW = ObjectView(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.bool_), "")


def test_without_failures_every_expression_has_its_target() -> None:
    """All expressions of one object share a visible target when nothing fails, and the place is kept."""
    for seed in range(30):
        image, masks = render_prompt(EXPRESSIONS, seed, failure_share=0.0)
        assert image.shape == (96, 96, 3)
        assert np.logical_and.reduce(masks).any()
        assert np.flatnonzero(masks[2].any(axis=0)).mean() < 48


def test_failures_are_as_frequent_as_declared() -> None:
    """With 8% failures for each of shape, colour and texture, about 78% of the pictures show the red
    striped star."""
    text = ("the red striped star",)
    shown = np.mean([render_prompt(text, seed)[1][0].any() for seed in range(600)])
    assert shown == pytest.approx(0.92**3, abs=0.05)


def test_all_failing_leaves_empty_masks() -> None:
    """If every attribute fails and no distractor happens to fit, the exact mask is empty and not invented."""
    masks = [
        render_prompt(("the small red striped star",), seed, failure_share=1.0)[1][0] for seed in range(40)
    ]
    assert sum(not mask.any() for mask in masks) >= 35


def test_backend_is_a_function_of_the_seed() -> None:
    """The backend draws one picture for each seed, whatever the other seeds are."""
    backend = ProceduralGenerator()
    request = GeneratorInput("", EXPRESSIONS, _VIEW)
    both, alone = backend.generate(request, [4, 5]), backend.generate(request, [5])
    assert np.array_equal(both[1].image, alone[0].image)
    assert alone[0].exact_masks is not None
    assert len(alone[0].exact_masks) == len(EXPRESSIONS)


def test_backend_rejects_unknown_words() -> None:
    """A prompt about anything else is a rejected item with its reason."""
    with pytest.raises(RejectedItem) as caught:
        ProceduralGenerator().generate(GeneratorInput("", ("the red bottle",), _VIEW), [1])
    assert caught.value.reason == "unknown_word"
