"""The micro network on several pictures at once, each encoded once."""

from __future__ import annotations

import numpy as np
import pytest

from services.segmenter.backends.micro import MicroSegmenter
from synres.microworld.datasets import real_validation
from synres.models.encoding_cache import EncodingCache
from synres.models.micro import MicroRes, load_micro_res
from synres.models.micro_batch import predict_batch
from synres.models.micro_predict import predict

EXPRESSIONS = ("the red circle", "the square", "the large star")


@pytest.fixture(scope="module")
def network() -> MicroRes:
    """The shipped base."""
    return load_micro_res()


def test_a_batch_finds_what_each_picture_finds_alone(network: MicroRes) -> None:
    """Of different sizes, with different numbers of expressions, in any order."""
    first, second = (world.image for world in real_validation(3, 2))
    asked = [(first, EXPRESSIONS), (second[:50, :31], EXPRESSIONS[:1]), (second, EXPRESSIONS[1:])]
    together = predict_batch(network, EncodingCache(1 << 24), asked)
    for (image, expressions), found in zip(asked, together, strict=True):
        assert np.allclose(found, predict(network.chances, image, expressions), atol=1e-4)


def test_a_picture_that_was_seen_is_not_encoded_again(network: MicroRes) -> None:
    """Its second expression costs the head alone; the cache holds no more bytes than before."""
    (world,) = real_validation(3, 1)
    cache = EncodingCache(1 << 24)
    predict_batch(network, cache, [(world.image, EXPRESSIONS[:1])])
    kept = cache.bytes_kept
    predict_batch(network, cache, [(world.image, EXPRESSIONS[1:]), (world.image, EXPRESSIONS)])
    assert cache.bytes_kept == kept > 0
    encoded: list[int] = []
    cache.get_all([world.image], lambda missing: encoded.append(len(missing)) or [])
    assert encoded == []


def test_the_backend_offers_it() -> None:
    """Masks and scores as `segment` gives them."""
    (world,) = real_validation(3, 1)
    segmenter = MicroSegmenter()
    (together,) = segmenter.segment_batch([(world.image, EXPRESSIONS)])
    alone = segmenter.segment(world.image, EXPRESSIONS)
    assert [found.mask.shape for found in together] == [found.mask.shape for found in alone]
    assert [found.score for found in together] == pytest.approx([found.score for found in alone], abs=1e-3)
