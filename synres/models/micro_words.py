"""Words to numbers for the micro network, without a vocabulary file: any word has a bucket, on any
machine."""

from __future__ import annotations

import zlib

from synres.domain.types import Expression
from synres.domain.words import plain_words

BUCKETS = 512
MAX_WORDS = 12


def word_ids(expression: Expression) -> list[int]:
    """One id in [1, 511] for each plain word, the first 12; [1] if the expression holds no word."""
    return [
        1 + zlib.crc32(word.encode()) % (BUCKETS - 1) for word in plain_words(expression)[:MAX_WORDS]
    ] or [1]
