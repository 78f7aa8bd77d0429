"""The ledger: content-addressed blobs and one record for each action, over any ArtifactStore.

The promise: computed at least once; at most one visible record per action at a time; every record
replayable. It does not rest on the store's conditional writes (docs/architecture.md, L1).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from synres.domain.digests import digest_bytes
from synres.domain.types import ArtifactRef
from synres.errors import ArtifactCorrupt, ArtifactMissing, StoreUnavailable
from synres.ledger.keys import blob_key, record_key
from synres.ledger.records import Record
from synres.ledger.rows import decode_rows, encode_rows
from synres.ports import ArtifactStore

Row = TypeVar("Row")

JSONL = "application/jsonl"
OPTIONAL_OUTPUTS = frozenset({"oracle"})
"""Outputs that may be deleted without a record counting as absent."""
_COMMIT_TRIES = 8


class Ledger:
    """Reads and writes blobs and records of `store`. Safe to share between threads."""

    def __init__(self, store: ArtifactStore) -> None:
        self.store = store

    def put_blob(self, data: bytes, media_type: str) -> ArtifactRef:
        """Writes `data` under its digest unless it is there; one of another size is torn, and mended."""
        ref = ArtifactRef(digest_bytes(data), len(data), media_type)
        key = blob_key(ref.digest)
        present = self.store.head(key)
        if present is None:
            self.store.put_if_absent(key, data)
        elif present.size != len(data):
            self.store.put(key, data)
        return ref

    def get_blob(self, digest: str) -> bytes:
        """The bytes of `digest`, checked. Raises ArtifactMissing; ArtifactCorrupt after it removed the blob.

        Removing is safe (L2: records that point at it now count as absent): the next run writes it anew.
        """
        key = blob_key(digest)
        # read twice: a fault on the way is not a fault of the blob
        for _ in range(2):
            data = self.store.get(key)
            if digest_bytes(data) == digest:
                return data
        self.store.delete(key)
        raise ArtifactCorrupt(
            f"blob {digest} did not match its digest and was removed: run again to compute it anew"
        )

    def has_blob(self, digest: str) -> bool:
        """True if the blob is there; its bytes are not read."""
        return self.store.head(blob_key(digest)) is not None

    def put_rows(self, rows: Iterable[object]) -> ArtifactRef:
        """Dataclasses as one JSONL blob, in the order given."""
        return self.put_blob(encode_rows(rows), JSONL)

    def get_rows(self, digest: str, row_type: type[Row]) -> list[Row]:
        """The rows of a JSONL blob; raises ArtifactMissing or ArtifactCorrupt."""
        return decode_rows(self.get_blob(digest), row_type)

    def find_record(self, stage: str, action: str) -> Record | None:
        """The visible record, or None if it is absent, unreadable, or lacks one of its blobs (L2)."""
        try:
            return self._usable(self.store.get(record_key(stage, action)), action)
        except ArtifactMissing:
            return None

    def commit_record(self, record: Record) -> Record:
        """Makes `record` visible and returns it, or returns the one that was there first (L4).

        A record that cannot be read or whose blobs are missing is replaced (L2). Raises ArtifactMissing if
        a blob of `record` itself is not in the store: blobs first, record last.
        """
        self._require_blobs(record)
        action = record.body.action.digest()
        key, data = record_key(record.body.action.stage, action), record.encode()
        for _ in range(_COMMIT_TRIES):
            if self.store.put_if_absent(key, data):
                return record
            try:
                seen, etag = self.store.get_with_etag(key)
            except ArtifactMissing:
                continue
            winner = self._usable(seen, action)
            if winner is not None:
                return winner
            if self.store.replace(key, data, etag):
                return record
        raise StoreUnavailable(f"{key} changed under {_COMMIT_TRIES} tries to write it: try again")

    def _usable(self, data: bytes, action: str) -> Record | None:
        try:
            record = Record.decode(data)
        except ArtifactCorrupt:
            return None
        if record.body.action.digest() != action or self._missing(record):
            return None
        return record

    def _missing(self, record: Record) -> str | None:
        needed = (d for name, d in record.body.outputs.items() if name not in OPTIONAL_OUTPUTS)
        return next((digest for digest in needed if not self.has_blob(digest)), None)

    def _require_blobs(self, record: Record) -> None:
        missing = self._missing(record)
        if missing:
            raise ArtifactMissing(missing)
