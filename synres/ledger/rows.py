"""Typed rows <-> canonical JSONL bytes. One row a line, keys sorted, so equal rows are equal bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from synres.errors import ArtifactCorrupt
from synres.typed_json import decode_json_lines

Row = TypeVar("Row")

_encoder = msgspec.json.Encoder(order="sorted")


def encode_rows(rows: Iterable[object]) -> bytes:
    """Dataclasses to JSONL; the order is the caller's."""
    return _encoder.encode_lines(rows)


def decode_rows(data: bytes, row_type: type[Row]) -> list[Row]:
    """JSONL to dataclasses; raises ArtifactCorrupt on a line that does not fit `row_type`."""
    try:
        return decode_json_lines(data, row_type)
    # not MsgspecError alone: broken UTF-8 comes as UnicodeDecodeError
    except ValueError as error:
        raise ArtifactCorrupt(f"not rows of {row_type.__name__}: {error}") from error
