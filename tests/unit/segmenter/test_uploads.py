"""What a key may leave with the endpoint: bytes, number and days are bounded."""

from __future__ import annotations

import time

import pytest

from services.segmenter.uploads import KEPT_S, LEAST_BYTES, MAX_KEY_BYTES, Uploads
from synres.errors import NotFound, Overloaded
from tests.fakes import MemoryStore

MOST = MAX_KEY_BYTES // LEAST_BYTES


@pytest.fixture
def store() -> MemoryStore:
    """Whose clock shows our time."""
    store = MemoryStore()
    store.now_s = time.time()
    return store


def _fill(store: MemoryStore, count: int) -> None:
    for number in range(count):
        store.put(f"uploads/shop/{number:064d}", b"x")


def test_tiny_pictures_have_a_number(store: MemoryStore) -> None:
    """Millions of them would be listed at each upload; another key has its own share."""
    _fill(store, MOST)
    with pytest.raises(Overloaded, match="go after a day"):
        Uploads(store).put("shop", b"one more")
    assert Uploads(store).put("lab", b"one more")


def test_a_picture_that_is_there_already_may_come_again(store: MemoryStore) -> None:
    """It takes the place of its old copy."""
    _fill(store, MOST - 1)
    digest = Uploads(store).put("shop", b"picture")
    assert Uploads(store).put("shop", b"picture") == digest
    assert Uploads(store).get("shop", digest) == b"picture"


def test_old_pictures_make_room(store: MemoryStore) -> None:
    """After a day, and only the key's own are given out."""
    store.now_s -= KEPT_S + 60
    _fill(store, MOST)
    store.now_s += KEPT_S + 60
    digest = Uploads(store).put("shop", b"picture")
    assert [key for key in store.objects if key.startswith("uploads/")] == [f"uploads/shop/{digest}"]
    with pytest.raises(NotFound):
        Uploads(store).get("lab", digest)
