"""From probabilities to the mask and score that the Segmenter port returns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synres.ports import ScoredMask


def scored_mask(chance: NDArray[np.float32], threshold: float = 0.5) -> ScoredMask:
    """`chance`: (H, W) in [0, 1]. The score is the mean probability inside the mask, 0 for an empty one."""
    mask = chance > threshold
    return ScoredMask(mask, float(chance[mask].mean()) if mask.any() else 0.0)
