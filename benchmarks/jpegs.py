"""JPEGs as heavy as photos, made up."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as PillowImage

from synres.domain.seeds import rng


def jpeg(seed: int, size: tuple[int, int]) -> bytes:
    """Of `size` (height, width): smooth colours under a grain, quality 90."""
    height, width = size
    dice = rng(seed, "jpeg")
    smooth = PillowImage.fromarray(dice.integers(0, 256, (15, 20, 3), dtype=np.uint8)).resize((width, height))
    pixels = np.asarray(smooth) + dice.integers(-12, 13, (height, width, 3))
    file = io.BytesIO()
    PillowImage.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()
