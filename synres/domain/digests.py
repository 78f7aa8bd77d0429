"""Canonical JSON and sha256: what is hashed is bytes, so the bytes must have one form."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys, no spaces, NFC text; raises ValueError for NaN and infinities.

    >>> canonical_json({"tau": 0.65, "n": 5})
    b'{"n":5,"tau":0.65}'
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return unicodedata.normalize("NFC", text).encode()


def digest_bytes(data: bytes | memoryview) -> str:
    """Lower-case hex sha256, 64 characters."""
    return hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """sha256 of the canonical JSON of `value`."""
    return digest_bytes(canonical_json(value))
