"""The store's own time: ages taken against it do not suffer from the clocks of the machines that ask."""

from __future__ import annotations

import uuid

from synres.errors import ArtifactMissing
from synres.ports import ArtifactStore


def store_clock_s(store: ArtifactStore) -> float:
    """Seconds since the epoch, as the store dates a new object; S3 knows whole seconds only."""
    key = f"clock/{uuid.uuid4().hex}"
    store.put(key, b"tick")
    try:
        written = store.head(key)
    finally:
        store.delete(key)
    if written is None:
        raise ArtifactMissing(key)
    return written.modified_s
