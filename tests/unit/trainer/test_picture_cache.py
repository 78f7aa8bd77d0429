"""Pictures kept for the next time."""

from __future__ import annotations

import numpy as np

from services.trainer.picture_cache import PictureCache
from synres.data.images import encode_png
from synres.ledger.ledger import Ledger
from tests.fakes import MemoryStore


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
