"""Every rule of the sorting, worked by hand, and on drawn masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres.domain.failures import FAILURES, failure_of


@pytest.mark.parametrize(
    ("intersection", "predicted", "target", "expected"),
    [
        (0, 0, 0, ""),
        (0, 1, 0, "false_alarm"),
        (0, 0, 1, "missed"),
        (50, 50, 100, ""),  # IoU 50/100: a half is enough
        (49, 49, 100, "under_segmented"),  # 49/100, all of the mask is right
        (50, 101, 50, "over_segmented"),  # 50/101, all of the target is found
        (50, 100, 50, ""),  # a twin of the same size beside the target
        (0, 50, 50, "wrong_instance"),
        (24, 50, 50, "wrong_instance"),  # 24 of 50: less than half of either
        (25, 50, 50, "over_segmented"),  # 25 of 50 found, 25 spilt: a tie of the areas
        (25, 51, 50, "over_segmented"),
        (25, 50, 51, "under_segmented"),
        (5, 10, 1000, "under_segmented"),  # half of a small mask lies on a large target
        (4, 10, 1000, "wrong_instance"),
        (30, 1000, 40, "over_segmented"),
    ],
)
def test_hand_worked_counts(intersection: int, predicted: int, target: int, expected: str) -> None:
    """I, P and T in pixels, on either side of every bound."""
    assert failure_of(intersection, predicted, target) == expected


def columns(*spans: tuple[int, int]) -> np.ndarray:
    """(10, 100) bool, true in the spans of columns."""
    mask = np.zeros((10, 100), np.bool_)
    for first, last in spans:
        mask[:, first:last] = True
    return mask


@pytest.mark.parametrize(
    ("predicted", "target", "expected"),
    [
        (columns((0, 20)), columns((0, 20), (40, 60), (80, 100)), "under_segmented"),  # one of three rings
        (columns((0, 20), (40, 60), (80, 100)), columns((0, 20)), "over_segmented"),  # all, for one of them
        (columns((40, 60)), columns((0, 20)), "wrong_instance"),  # the ring beside it
        (columns((0, 20), (40, 60)), columns((0, 20), (80, 100)), "over_segmented"),  # one right, one wrong
        (columns((0, 100)), columns((30, 50)), "over_segmented"),  # the whole picture
    ],
)
def test_drawn_masks(predicted: np.ndarray, target: np.ndarray, expected: str) -> None:
    """The cases that the names were made for."""
    counts = (np.count_nonzero(predicted & target), np.count_nonzero(predicted), np.count_nonzero(target))
    assert failure_of(*map(int, counts)) == expected


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_every_answer_is_sorted_and_only_failures_are(common: int, alone: int, lacking: int) -> None:
    """A failure has an IoU below a half, an answer that holds one of a half or more, or nothing to find."""
    found = failure_of(common, common + alone, common + lacking)
    union = common + alone + lacking
    assert found in (*FAILURES, "")
    assert (found == "") == (2 * common >= union)
