"""Runs the micro RES network on one picture of any size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from synres.domain.types import Expression
from synres.models.micro import STRIDE, MicroRes

WORKING_SIDE = 96
"""Longer pictures are shrunk to this many pixels; smaller ones stay as they are."""


def predict(
    model: MicroRes, image: NDArray[np.uint8], expressions: Sequence[Expression]
) -> NDArray[np.float32]:
    """Foreground probability (n, H, W) of each expression, for (H, W, 3) uint8. Puts the model in eval
    mode."""
    if not expressions:
        return np.zeros((0, *image.shape[:2]), np.float32)
    height, width = image.shape[:2]
    small = _shrink(image)
    model.eval()
    with torch.inference_mode():
        logits = model(
            _batch(small), model.tokenize(expressions), torch.zeros(len(expressions), dtype=torch.long)
        )
        chances = logits[:, : small.shape[0], : small.shape[1]].sigmoid().numpy()
    if chances.shape[1:] == (height, width):
        found: NDArray[np.float32] = chances
        return found
    return np.stack(
        [
            np.asarray(Image.fromarray(one).resize((width, height), Image.Resampling.BILINEAR))
            for one in chances
        ]
    )


def _shrink(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = WORKING_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def _batch(image: NDArray[np.uint8]) -> torch.Tensor:
    """(1, 3, H, W) float in [0, 1], sides padded to the network's stride by repeating the border."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % STRIDE), (0, -width % STRIDE), (0, 0)), mode="edge")
    batch = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255
    return batch.contiguous(memory_format=torch.channels_last)
