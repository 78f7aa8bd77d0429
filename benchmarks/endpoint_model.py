"""The micro model as every server of benchmarks/endpoint.py runs it: files in, run lengths and boxes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.segmenter.backends import load_backend
from services.segmenter.backends.micro import MicroSegmenter
from services.segmenter.batches import segment_pictures
from synres.data.images import open_image
from synres.domain.choice import BackendChoice
from synres.domain.masks import measure_mask

EXPRESSION = "the red circle"
BATCH = 8


def load_micro() -> MicroSegmenter:
    """Keeps no encodings where SYNRES_ENCODING_CACHE_BYTES is 0."""
    model = load_backend(BackendChoice("micro"))
    assert isinstance(model, MicroSegmenter)
    return model


def answer(model: MicroSegmenter, files: Sequence[bytes]) -> list[dict[str, Any]]:
    """One mask for each picture, all in one batch."""
    asked = [(open_image(file).upright(), [EXPRESSION]) for file in files]
    return [_told(found) for (found,) in segment_pictures(model, asked)]


def _told(found: Any) -> dict[str, Any]:
    rle, area, box = measure_mask(found.mask)
    return {"size": rle.size, "counts": rle.counts, "area": area, "box": box, "score": found.score}
