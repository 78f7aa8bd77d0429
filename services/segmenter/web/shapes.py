"""An answer as JSON with run lengths or polygons, or as one PNG."""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
from PIL import Image as PillowImage

from services.segmenter.answers import FoundMask, SegmentAnswer
from synres.data.overlay import PALETTE
from synres.domain.masks import area, box, decode_mask
from synres.domain.outlines import outlines_of
from synres.domain.types import Rle
from synres.errors import InvalidInput

Format = Literal["rle", "polygons", "png"]
FORMATS: tuple[Format, ...] = ("rle", "polygons", "png")
_MAX_LAYERS = 255


def answer_to_json(answer: SegmentAnswer, shape: Format) -> dict[str, Any]:
    """The fields that `/openapi.json` calls SegmentAnswer. Lengths in pixels, times in milliseconds."""
    model, timings = answer.model, answer.timings
    return {
        "request_id": answer.request_id,
        "image_size": {"height": answer.height, "width": answer.width},
        "masks": [_found(found, shape) for found in answer.masks],
        "merged": {
            "area": area(answer.merged),
            "box": list(box(answer.merged)),
            **_drawn(answer.merged, shape),
        },
        "model": {"name": model.name, "digest": model.digest, "licence": model.licence},
        "timings": {
            "queue_ms": timings.queue_ms,
            "preprocess_ms": timings.preprocess_ms,
            "model_ms": timings.model_ms,
            "postprocess_ms": timings.postprocess_ms,
        },
    }


def answer_to_png(answer: SegmentAnswer) -> bytes:
    """A palette picture of the answer's size: 0 is background, i the mask of the i-th expression.

    Of masks that overlap, the later one is on top. Raises InvalidInput for more than 255 masks.
    """
    if len(answer.masks) > _MAX_LAYERS:
        raise InvalidInput(f"a PNG holds {_MAX_LAYERS} masks; ask for format=rle")
    layers = np.zeros((answer.height, answer.width), np.uint8)
    for number, found in enumerate(answer.masks, 1):
        layers[decode_mask(found.mask)] = number
    picture = PillowImage.fromarray(layers, mode="L")
    picture.putpalette([0, 0, 0, *(value for n in range(_MAX_LAYERS) for value in PALETTE[n % len(PALETTE)])])
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _found(found: FoundMask, shape: Format) -> dict[str, Any]:
    return {
        "expression": found.expression,
        "no_target": found.no_target,
        "score": found.score,
        "area": found.area,
        "box": list(found.box),
        **_drawn(found.mask, shape),
    }


def _drawn(mask: Rle, shape: Format) -> dict[str, Any]:
    if shape == "polygons":
        return {"polygons": outlines_of(decode_mask(mask))}
    return {"rle": {"size": list(mask.size), "counts": mask.counts}}
