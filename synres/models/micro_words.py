"""Words to numbers for the micro network, without a vocabulary file: any word has a bucket, on any
machine."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synres.domain.types import Expression
from synres.domain.words import plain_words

BUCKETS = 512
MAX_WORDS = 12


def word_ids(expression: Expression) -> list[int]:
    """One id in [1, 511] for each plain word, the first 12; [1] if the expression holds no word."""
    return [
        1 + zlib.crc32(word.encode()) % (BUCKETS - 1) for word in plain_words(expression)[:MAX_WORDS]
    ] or [1]


def padded_word_ids(expressions: Sequence[Expression]) -> NDArray[np.int64]:
    """(n, T) with 0 for padding; T is the longest expression's length, at most 12."""
    rows = [word_ids(text) for text in expressions]
    longest = max(map(len, rows))
    return np.array([row + [0] * (longest - len(row)) for row in rows], dtype=np.int64)
