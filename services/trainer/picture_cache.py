"""Decoded pictures of the store, kept up to a number of bytes: small sets stay whole, large ones pass by."""

from __future__ import annotations

import threading
from collections import OrderedDict

from synres.data.images import decode_image
from synres.ledger.ledger import Ledger
from synres.ports import Image

KEPT_BYTES = 2**30


class PictureCache:
    """Least recently used goes first. Safe in several threads."""

    def __init__(self, ledger: Ledger, max_bytes: int = KEPT_BYTES) -> None:
        self._ledger, self._max_bytes = ledger, max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Image] = OrderedDict()
        self._bytes = 0

    def get(self, digest: str) -> Image:
        """(H, W, 3) uint8; raises RejectedItem as `decode_image` does, and the store's errors."""
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
                return self._kept[digest]
        image = decode_image(self._ledger.get_blob(digest))
        with self._lock:
            self._keep(digest, image)
        return image

    def _keep(self, digest: str, image: Image) -> None:
        if digest in self._kept or image.nbytes > self._max_bytes:
            return
        self._kept[digest] = image
        self._bytes += image.nbytes
        while self._bytes > self._max_bytes:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
