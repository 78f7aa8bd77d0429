"""What a model computed from a picture alone, kept by the picture's digest up to a number of bytes."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import Tensor

from synres.ports import Image

Encoding = tuple[Tensor, ...]


class EncodingCache:
    """Least recently used goes first; an encoding larger than `max_bytes` is never kept, 0 keeps none."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Encoding] = OrderedDict()
        self.bytes_kept = 0

    def get(self, image: Image, encode: Callable[[Image], Encoding]) -> Encoding:
        """The encoding of `image` (H, W, 3) uint8, computed if it is not kept."""
        (encoding,) = self.get_all([image], lambda missing: [encode(missing[0])])
        return encoding

    def get_all(
        self, images: Sequence[Image], encode: Callable[[list[Image]], Sequence[Encoding]]
    ) -> list[Encoding]:
        """The encodings of `images`; those that are not kept are computed together."""
        keys = [_digest(image) for image in images]
        found = {key: kept for key in keys if (kept := self._find(key)) is not None}
        missing = {key: image for key, image in zip(keys, images, strict=True) if key not in found}
        if missing:
            found |= zip(missing, encode(list(missing.values())), strict=True)
            for key in missing:
                self._keep(key, found[key])
        return [found[key] for key in keys]

    def _find(self, key: str) -> Encoding | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: str, encoding: Encoding) -> None:
        with self._lock:
            self._store(key, encoding)

    def _store(self, key: str, encoding: Encoding) -> None:
        size = _bytes_of(encoding)
        if key in self._kept or size > self._max_bytes:
            return
        self._kept[key] = encoding
        self.bytes_kept += size
        while self.bytes_kept > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self.bytes_kept -= _bytes_of(dropped)


def _digest(image: Image) -> str:
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()


def _bytes_of(encoding: Encoding) -> int:
    return sum(tensor.nbytes for tensor in encoding)
