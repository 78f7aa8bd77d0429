"""From probabilities to the mask and score that the Segmenter port returns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synres.errors import RejectedItem
from synres.ports import ScoredMask


def scored_mask(chance: NDArray[np.float32], threshold: float = 0.5) -> ScoredMask:
    """`chance`: (H, W) in [0, 1]. The score is the mean probability inside the mask, 0 for an empty one.

    Raises RejectedItem("mask_not_finite") for NaN.
    """
    _refuse_nan(chance)
    mask = chance > threshold
    return ScoredMask(mask, float(chance[mask].mean()) if mask.any() else 0.0)


def scored_logits(logits: NDArray[np.float32], is_rejected: bool | None = None) -> ScoredMask:
    """`logits`: (n, H, W), whose masks are joined; n = 0 is an empty mask. Scores and errors are as in
    `scored_mask`."""
    if not len(logits):
        return ScoredMask(np.zeros(logits.shape[1:], dtype=np.bool_), 0.0, is_rejected)
    joined: NDArray[np.float32] = logits.max(0)
    _refuse_nan(joined)
    mask = joined > 0
    return ScoredMask(mask, float(sigmoid(joined[mask]).mean()) if mask.any() else 0.0, is_rejected)


def _refuse_nan(values: NDArray[np.float32]) -> None:
    """NaN exceeds no threshold: such a mask would be empty, and say that there is no target."""
    if np.isnan(values.max()):
        raise RejectedItem(
            "mask_not_finite", "the model answers with what is no number: take precision bf16 or fp32"
        )


def resized(logits: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """(n, h, w) -> (n, *size), bilinear; smoothed where it shrinks."""
    shape = (size[1], size[0])
    return np.stack(
        [np.asarray(Image.fromarray(one).resize(shape, Image.Resampling.BILINEAR)) for one in logits]
    )


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits to probabilities, without overflow at either end."""
    found: NDArray[np.float32] = 0.5 * (1 + np.tanh(0.5 * logits))
    return found
