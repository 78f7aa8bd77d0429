"""The cache of image encodings."""

from __future__ import annotations

import numpy as np
import torch

from synres.models.encoding_cache import Encoding, EncodingCache
from synres.ports import Image


def _image(value: int, shape: tuple[int, int] = (2, 6)) -> Image:
    return np.full((*shape, 3), value, dtype=np.uint8)


class _Encoder:
    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, image: Image) -> Encoding:
        self.seen.append(int(image.flat[0]))
        return (torch.zeros(25), torch.zeros(25))  # 200 bytes


def test_a_picture_is_encoded_once() -> None:
    """The key is the content: an equal array is the same picture, another shape is not."""
    cache, encode = EncodingCache(1000), _Encoder()
    for image in (_image(1), _image(1).copy(), _image(1, (6, 2))):
        cache.get(image, encode)
    assert encode.seen == [1, 1]


def test_the_least_recently_used_goes_first() -> None:
    """Never more bytes than the cap, however many pictures come."""
    cache, encode = EncodingCache(400), _Encoder()
    for value in (1, 2, 1, 3, 1, 2):
        cache.get(_image(value), encode)
    assert encode.seen == [1, 2, 3, 2]
    assert cache.bytes_kept == 400


def test_what_is_too_large_is_not_kept() -> None:
    """A cap below one encoding keeps none, and drops none of the others."""
    cache, encode = EncodingCache(199), _Encoder()
    cache.get(_image(1), encode)
    cache.get(_image(1), encode)
    assert encode.seen == [1, 1]
    assert cache.bytes_kept == 0
