"""The worst answers in one picture."""

from __future__ import annotations

import numpy as np

from synres.data.gallery import ANSWER, COLUMNS, TARGET, WIDTH, Shown, draw_gallery


def _shown(target: tuple[int, int], answer: tuple[int, int], expression: str = "the cup") -> Shown:
    masks = np.zeros((2, 60, 80), np.bool_)
    masks[0, 20:40, slice(*target)] = masks[1, 20:40, slice(*answer)] = True
    return Shown(np.full((60, 80, 3), 128, np.uint8), expression, masks[0], masks[1], 0.1, "MT day")


def _holds(picture: np.ndarray, colour: tuple[int, int, int], below: int = 120) -> bool:
    """Nearly: pictures are drawn large and made smaller."""
    return bool((np.abs(picture[below:].astype(int) - colour).max(axis=2) < 25).any())


def test_target_and_answer_are_outlined_in_their_colours() -> None:
    """One row for each kind that occurs; a missed target has no answer to outline."""
    both = draw_gallery("Worst", "micro", {"wrong": [_shown((5, 20), (50, 70))], "false alarm": []})
    missed = draw_gallery("Worst", "micro", {"missed": [_shown((5, 20), (0, 0))]})
    assert both.shape == missed.shape and both.shape[1] == WIDTH
    assert _holds(both, TARGET) and _holds(both, ANSWER)
    assert _holds(missed, TARGET) and not _holds(missed, ANSWER)


def test_no_more_than_fit_are_drawn() -> None:
    """However many there are, and however long their expressions."""
    one = draw_gallery("t", "s", {"wrong": [_shown((5, 20), (50, 70), "the cup " * 40)] * 3})
    many = draw_gallery("t", "s", {"wrong": [_shown((5, 20), (50, 70))] * (COLUMNS + 4)})
    assert one.shape == many.shape


def test_nothing_wrong_is_a_picture_too() -> None:
    """With its title alone."""
    assert draw_gallery("t", "s", {"missed": []}).shape[1] == WIDTH
