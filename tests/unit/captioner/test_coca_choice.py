"""Which texts become expressions, by cosines given by hand."""

from __future__ import annotations

import numpy as np

from services.captioner.backends.coca_choice import FITS_OTHERS, TOO_ALIKE, pick_expressions

TEXTS = ["a red cup", "a cup", "a white plate", "a red cup there"]


def test_the_best_cosine_comes_first() -> None:
    """Ranked by the object's own cosine, ties by the text."""
    likeness = np.array([[0.1], [0.3], [0.2], [0.0]])
    assert pick_expressions(TEXTS, likeness, 2, 0.7).expressions == ("a cup", "a white plate")
    assert pick_expressions(["b", "a"], np.zeros((2, 1)), 2, 0.7).expressions == ("a", "b")


def test_what_fits_a_neighbour_better_is_left_out() -> None:
    """ "a white plate" has the best cosine of all, and names the plate beside the cup."""
    likeness = np.array([[0.1, 0.0], [0.3, 0.3], [0.5, 0.6], [0.0, -0.1]])
    found = pick_expressions(TEXTS, likeness, 3, 0.8)
    assert found.expressions == ("a cup", "a red cup", "a red cup there")
    assert found.shortfall == ""


def test_near_duplicates_say_nothing_new() -> None:
    """Three of four words in common are 0.75: one text too many at 0.7."""
    found = pick_expressions(TEXTS, np.array([[0.4], [0.3], [0.2], [0.1]]), 4, 0.7)
    assert (found.expressions, found.shortfall) == (("a red cup", "a cup", "a white plate"), TOO_ALIKE)


def test_the_reason_says_whether_neighbours_were_to_blame() -> None:
    """Without the neighbour there would have been three."""
    likeness = np.array([[0.1, 0.0], [0.3, 0.3], [0.5, 0.6], [0.0, 0.1]])
    assert pick_expressions(TEXTS, likeness, 3, 0.7).shortfall == FITS_OTHERS
    assert pick_expressions([], np.empty((0, 1)), 3, 0.7).shortfall == TOO_ALIKE
