"""JSON and plain values as dataclasses, from any number of threads.

msgspec learns a dataclass where it first meets it. Threads that meet it at the same moment may see it half
learnt (0.22 then fails or crashes the process), so every type is learnt here, under one lock.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_learning = threading.Lock()
_learnt: dict[object, msgspec.json.Decoder[Any]] = {}


def decode_json(data: bytes | memoryview, kind: type[T]) -> T:
    """Raises ValueError (msgspec's, or that of broken UTF-8) for what is not JSON or does not fit `kind`."""
    return _decoder(kind).decode(data)


def decode_json_lines(data: bytes, kind: type[T]) -> list[T]:
    """One value a line; raises as `decode_json` does."""
    return _decoder(kind).decode_lines(data)


def fit(value: Any, kind: type[T]) -> T:
    """Dicts, lists and scalars as `kind`; raises msgspec.ValidationError."""
    _decoder(kind)
    return msgspec.convert(value, kind)


def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    with _learning:
        if kind not in _learnt:
            _learnt[kind] = msgspec.json.Decoder(kind)
        return _learnt[kind]
