"""Backends by name, loaded on first use and kept: for the servicers and for the embedded executor."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from synres.ledger.ledger import Ledger
from synres.ports import Segmenter

Backend = TypeVar("Backend")

_TRAINED_KEPT = 4


class Backends(Generic[Backend]):
    """`load` is a service's `load_backend`; its errors (NotFound, BackendUnavailable) are not kept."""

    def __init__(self, load: Callable[[str], Backend]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._loaded: dict[str, Backend] = {}

    def get(self, name: str) -> Backend:
        """Loads once, however many threads ask."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]


class LoadSegmenter(Protocol):
    def __call__(self, name: str, weights: bytes | None = None) -> Segmenter:
        """Shipped weights for None, else safetensors bytes; raises ArtifactCorrupt for bad ones."""


class SegmenterBackends(Backends[Segmenter]):
    """Segmenters with their shipped weights, and the last few with trained weights from the ledger."""

    def __init__(self, ledger: Ledger, load: LoadSegmenter) -> None:
        super().__init__(load)
        self._ledger = ledger
        self._load_weights = load
        self._trained: OrderedDict[tuple[str, str], Segmenter] = OrderedDict()

    def get_trained(self, name: str, weights: str) -> Segmenter:
        """`weights` is a blob's digest, "" the shipped ones. Raises ArtifactMissing or ArtifactCorrupt."""
        if not weights:
            return self.get(name)
        with self._lock:
            key = (name, weights)
            if key not in self._trained:
                self._trained[key] = self._load_weights(name, self._ledger.get_blob(weights))
            self._trained.move_to_end(key)
            while len(self._trained) > _TRAINED_KEPT:
                self._trained.popitem(last=False)
            return self._trained[key]
