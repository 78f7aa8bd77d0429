"""What the backend `triton` and Triton's model say to each other: names of tensors, options, errors."""

from __future__ import annotations

import json
from dataclasses import asdict

from services.generator.painter_options import DrawOptions
from synres.domain.digests import canonical_json
from synres.domain.types import ModelInfo
from synres.errors import InvalidInput, Overloaded, RejectedItem, SynresError

PROMPT, SEED, OPTIONS = "PROMPT", "SEED", "OPTIONS"
IMAGE, MODEL = "IMAGE", "MODEL"
_MARK = "synres-error:"
"""Triton passes on text alone; what follows in it is ours."""


def encode_options(options: DrawOptions) -> bytes:
    return canonical_json(options.draw_options())


def decode_options(data: bytes) -> DrawOptions:
    """Raises InvalidInput for anything but what `encode_options` makes."""
    try:
        return DrawOptions(**json.loads(data))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"options that are no DrawOptions: {error}") from error


def encode_model(model: ModelInfo) -> bytes:
    return canonical_json(asdict(model))


def decode_model(data: bytes) -> ModelInfo:
    return ModelInfo(**json.loads(data))


def encode_error(error: SynresError) -> str:
    """One line of text; `decode_error` reads it wherever it stands in a message of Triton."""
    reason = error.reason if isinstance(error, RejectedItem) else ""
    return _MARK + json.dumps([error.code, reason, error.message])


def decode_error(text: str) -> SynresError | None:
    """The RejectedItem, Overloaded or InvalidInput that the text carries; None for Triton's own messages."""
    _, mark, encoded = text.partition(_MARK)
    if not mark:
        return None
    (code, reason, message), _ = json.JSONDecoder().raw_decode(encoded)
    if code == RejectedItem.code:
        return RejectedItem(reason, message)
    return Overloaded(message) if code == Overloaded.code else InvalidInput(message)
