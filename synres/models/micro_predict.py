"""Runs the micro RES network, in torch or in ONNX Runtime, on one picture of any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synres.domain.types import Expression
from synres.models.micro_words import padded_word_ids
from synres.models.scoring import resized

STRIDE = 8
"""Sides of the pictures that the network sees are multiples of this."""

WORKING_SIDE = 96
"""Longer pictures are shrunk to this many pixels; smaller ones stay as they are."""


Chances: TypeAlias = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float32]]
"""Pixels (1, 3, H, W) in [0, 1] and word ids (n, T) -> foreground probability (n, H, W)."""


def predict(
    chances: Chances, image: NDArray[np.uint8], expressions: Sequence[Expression]
) -> NDArray[np.float32]:
    """Foreground probability (n, H, W) of each expression, for (H, W, 3) uint8."""
    if not expressions:
        return np.zeros((0, *image.shape[:2]), np.float32)
    small = shrink(image)
    found = chances(batched(small), padded_word_ids(expressions))[:, : small.shape[0], : small.shape[1]]
    return found if found.shape[1:] == image.shape[:2] else resized(found, image.shape[:2])


def shrink(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """To WORKING_SIDE, unless it is smaller."""
    height, width = image.shape[:2]
    scale = WORKING_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def batched(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(1, 3, H, W) in [0, 1], sides padded to the network's stride by repeating the border."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % STRIDE), (0, -width % STRIDE), (0, 0)), mode="edge")
    return padded.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
