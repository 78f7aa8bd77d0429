"""The micro RES network on several pictures at once, each encoded once. For those who wait at an endpoint: a
batch may differ from one picture by itself in the last bits, so shards go by `micro_predict`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synres.domain.types import Expression
from synres.models.encoding_cache import EncodingCache
from synres.models.micro import Encoding, MicroRes
from synres.models.micro_predict import batched, shrink
from synres.models.micro_words import padded_word_ids
from synres.models.scoring import resized
from synres.ports import Image

Asked = tuple[Image, Sequence[Expression]]
"""A picture, and at least one expression."""


def predict_batch(
    network: MicroRes, cache: EncodingCache, asked: Sequence[Asked]
) -> list[NDArray[np.float32]]:
    """Foreground probabilities (n, H, W) for each picture. Pictures of one size as the network sees them go
    through it together; what `cache` keeps is not encoded again."""
    small = [shrink(image) for image, _ in asked]
    by_size: dict[tuple[int, ...], list[int]] = {}
    for index, picture in enumerate(small):
        by_size.setdefault(picture.shape, []).append(index)
    found: dict[int, NDArray[np.float32]] = {}
    for members in by_size.values():
        pictures = [small[index] for index in members]
        expressions = [asked[index][1] for index in members]
        found |= zip(members, _predict_equal(network, cache, pictures, expressions), strict=True)
    return [_sized(found[index], image) for index, (image, _) in enumerate(asked)]


def _predict_equal(
    network: MicroRes, cache: EncodingCache, pictures: list[Image], asked: list[Sequence[Expression]]
) -> list[NDArray[np.float32]]:
    encodings = cache.get_all(
        pictures, lambda missing: network.encodings(np.concatenate([batched(each) for each in missing]))
    )
    owners = [place for place, expressions in enumerate(asked) for _ in expressions]
    words = padded_word_ids([each for expressions in asked for each in expressions])
    chances = network.chances_of([Encoding(*each) for each in encodings], words, owners)
    ends = np.cumsum([len(expressions) for expressions in asked])[:-1]
    height, width = pictures[0].shape[:2]
    return np.split(chances[:, :height, :width], ends)


def _sized(chances: NDArray[np.float32], image: Image) -> NDArray[np.float32]:
    size = (image.shape[0], image.shape[1])
    return chances if chances.shape[1:] == size else resized(chances, size)
