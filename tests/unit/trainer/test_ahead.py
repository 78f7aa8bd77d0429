"""Batches made ahead of their turn, and pictures kept for the next time."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from services.trainer.ahead import ahead
from services.trainer.picture_cache import PictureCache
from synres.data.images import encode_png
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from tests.fakes import MemoryStore


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_results_come_in_the_order_of_their_keys(workers: int) -> None:
    """With any number of workers."""
    assert list(ahead(lambda key: key * key, range(20), workers)) == [key * key for key in range(20)]


def test_workers_are_ahead_by_as_many_as_they_are() -> None:
    """The first result is handed out while four others are under way, and no fifth."""
    release, begun = threading.Event(), []

    def make(key: int) -> int:
        begun.append(key)
        assert key == 0 or release.wait(60)
        return key

    results = ahead(make, range(100), 4)
    assert next(results) == 0
    release.set()
    assert len(begun) <= 5
    results.close()


@pytest.mark.parametrize("workers", [0, 3])
def test_an_error_comes_in_its_turn(workers: int) -> None:
    """What could be made before it is handed out first."""

    def make(key: int) -> int:
        if key == 2:
            raise InvalidInput("no")
        return key

    results = ahead(make, range(9), workers)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(InvalidInput):
        next(results)


def test_pictures_are_kept_as_far_as_there_is_room() -> None:
    """Two of three fit: the least recently used one is decoded again, the others are the same array."""
    store = MemoryStore()
    ledger = Ledger(store)
    blobs = [
        ledger.put_blob(encode_png(np.full((10, 10, 3), k, np.uint8)), "image/png").digest for k in range(3)
    ]
    pictures = PictureCache(ledger, max_bytes=600)
    first, second = pictures.get(blobs[0]), pictures.get(blobs[1])
    assert pictures.get(blobs[0]) is first
    pictures.get(blobs[2])
    reads = store.calls["get"]
    assert pictures.get(blobs[0]) is first and store.calls["get"] == reads
    assert pictures.get(blobs[1]) is not second and (pictures.get(blobs[1]) == 1).all()
