"""From probabilities and logits to masks and scores."""

from __future__ import annotations

import numpy as np
import pytest

from synres.errors import RejectedItem
from synres.models.scoring import scored_logits, scored_mask


def test_the_score_is_the_mean_inside_the_mask() -> None:
    """By probabilities or by logits; an empty mask, and no mask at all, score 0."""
    chances = np.array([[0.75, 0.25], [0.5, 0.5]], np.float32)
    assert scored_mask(chances).mask.tolist() == [[True, False], [False, False]]
    assert scored_mask(chances).score == 0.75
    joined = scored_logits(np.array([[[0.0, -1.0]], [[-2.0, 0.0]]], np.float32) + 1e-6)
    assert joined.mask.tolist() == [[True, True]] and joined.score == pytest.approx(0.5, abs=1e-5)
    assert scored_mask(np.zeros((2, 2), np.float32)).score == 0
    assert scored_logits(np.zeros((0, 2, 2), np.float32)).score == 0


def test_what_is_no_number_is_refused() -> None:
    """One NaN is enough; an infinite logit is a sure answer."""
    broken = np.zeros((2, 2), np.float32)
    broken[1, 1] = np.nan
    for scored in (lambda: scored_mask(broken), lambda: scored_logits(np.stack([broken, broken + 1]))):
        with pytest.raises(RejectedItem, match="bf16 or fp32") as refused:
            scored()
        assert refused.value.reason == "mask_not_finite"
    sure = scored_logits(np.array([[[np.inf, -np.inf]]], np.float32))
    assert sure.mask.tolist() == [[True, False]] and sure.score == 1
