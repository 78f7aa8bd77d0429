"""What a call may ask for: held before a pixel is decoded. No message repeats an expression."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from services.segmenter.answers import Limits
from services.segmenter.batches import MAX_BATCH_PIXELS
from synres.data.images import OpenedImage
from synres.domain.types import Expression
from synres.errors import InvalidInput

_MAX_ID = 128
_REFUSED = {"Cc": "a control character", "Cs": "half a character", "Cn": "a code point of no character"}


def check_expressions(expressions: Sequence[Expression], limits: Limits) -> None:
    """Raises InvalidInput that names the one at fault by its number."""
    if not expressions:
        raise InvalidInput('no expressions: say what to find, for example "the man in red"')
    if len(expressions) > limits.max_expressions:
        raise InvalidInput(
            f"{len(expressions)} expressions for one picture; send at most {limits.max_expressions}"
        )
    for number, expression in enumerate(expressions, 1):
        _check_expression(expression, f"expression {number}", limits)


def _check_expression(expression: Expression, name: str, limits: Limits) -> None:
    if len(expression) > limits.max_expression_chars:
        raise InvalidInput(
            f"{name} has {len(expression)} characters; use at most {limits.max_expression_chars}"
        )
    if not expression.strip():
        raise InvalidInput(f'{name} is empty: say what to find, for example "the man in red"')
    if not expression.isprintable():
        for character in expression:
            kind = _REFUSED.get(unicodedata.category(character))
            if kind:
                raise InvalidInput(f"{name} holds {kind}, U+{ord(character):04X}: leave it out")


def check_masks(opened: OpenedImage, expressions: Sequence[Expression]) -> None:
    """Raises InvalidInput for masks that would not fit into memory together."""
    pixels = opened.pixels * len(expressions)
    if pixels > MAX_BATCH_PIXELS:
        raise InvalidInput(
            f"{len(expressions)} masks of {opened.pixels} pixels are too many for one call: ask for fewer or "
            f"send a smaller picture; {MAX_BATCH_PIXELS} in all fit"
        )


def check_request_id(request_id: str) -> None:
    """Raises InvalidInput for one that no header could bring back."""
    if len(request_id) > _MAX_ID or not request_id.isascii() or not (request_id + "x").isprintable():
        raise InvalidInput(f"a request id is at most {_MAX_ID} printable ASCII characters")
