"""An advisory lease on a run: it only saves waste, since two coordinators never harm a run (L6)."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from synres.errors import ArtifactMissing
from synres.ledger.clock import store_clock_s
from synres.ledger.keys import run_key
from synres.ports import ArtifactStore
from synres.typed_json import decode_json


@dataclass(frozen=True, slots=True)
class Lease:
    """`beat` counts renewals, so that each writes other bytes and a stale etag cannot match.

    `waits_for` is what keeps the run, in a sentence, or empty.
    """

    holder: str
    ttl_s: float
    beat: int = 0
    waits_for: str = ""


class RunLease:
    """The lease of one run. Its age is told by the store's clock alone: those of the holders may differ."""

    def __init__(self, store: ArtifactStore, run: str) -> None:
        self._store = store
        self._key = run_key(run, "lease.json")

    def take(self, holder: str, ttl_s: float, waits_for: str = "") -> bool:
        """True if `holder` has it now: it was free, or its own (renewed now), or older than its `ttl_s`."""
        if self._store.put_if_absent(self._key, _encode(Lease(holder, ttl_s, waits_for=waits_for))):
            return True
        try:
            seen, etag = self._store.get_with_etag(self._key)
        except ArtifactMissing:
            return False
        lease = _decode(seen)
        if lease.holder != holder and not self._expired(lease):
            return False
        return self._store.replace(self._key, _encode(Lease(holder, ttl_s, lease.beat + 1, waits_for)), etag)

    def drop(self, holder: str) -> None:
        """Frees the lease if `holder` has it."""
        if self.holder() == holder:
            self._store.delete(self._key)

    def holder(self) -> str:
        """Who wrote it last, alive or not; empty if it is free."""
        try:
            return _decode(self._store.get(self._key)).holder
        except ArtifactMissing:
            return ""

    def read(self) -> Lease | None:
        """Who drives the run now and what is said of it; None if nobody does, or whoever did is silent."""
        try:
            lease = _decode(self._store.get(self._key))
        except ArtifactMissing:
            return None
        return None if self._expired(lease) else lease

    def _expired(self, lease: Lease) -> bool:
        written = self._store.head(self._key)
        return written is None or store_clock_s(self._store) - written.modified_s > lease.ttl_s


def _encode(lease: Lease) -> bytes:
    return msgspec.json.encode(lease, order="sorted")


def _decode(data: bytes) -> Lease:
    try:
        return decode_json(data, Lease)
    except ValueError:
        return Lease("", 0.0)
