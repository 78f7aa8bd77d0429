"""Pictures that a key has uploaded, to be named by digest; each key sees its own, for a day."""

from __future__ import annotations

import time

from synres.domain.digests import digest_bytes
from synres.errors import ArtifactCorrupt, ArtifactMissing, NotFound, Overloaded
from synres.ledger.keys import check_digest
from synres.ports import ArtifactStore

KEPT_S = 86_400.0
MAX_KEY_BYTES = 2**30
"""Of all pictures that one key has here at a time."""
LEAST_BYTES = 2**16
"""What a picture counts as, however small: all of a key's are listed at each upload."""
_FOLDER = "uploads"
_NO_KEY = "_"


class Uploads:
    """In the store, so that every replica knows them: `uploads/<key id>/<digest>`."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def put(self, key_id: str, image: bytes) -> str:
        """The picture's sha256. What is older than a day goes, here and by `synres gc`; raises Overloaded
        when its share is full."""
        digest, own = digest_bytes(image), f"{_FOLDER}/{key_id or _NO_KEY}/"
        kept = 0
        for found in [each for each in self._store.list(own[:-1]) if each.key.startswith(own)]:
            if found.modified_s < time.time() - KEPT_S:
                self._store.delete(found.key)
            elif found.key != own + digest:
                kept += max(found.size, LEAST_BYTES)
        if kept + max(len(image), LEAST_BYTES) > MAX_KEY_BYTES:
            raise Overloaded(f"this key has {kept} bytes of pictures here; they go after a day", KEPT_S / 24)
        self._store.put(own + digest, image)
        return digest

    def get(self, key_id: str, digest: str) -> bytes:
        """Raises NotFound for what this key did not upload within the day, InvalidInput for no digest."""
        try:
            image = self._store.get(f"{_FOLDER}/{key_id or _NO_KEY}/{check_digest(digest)}")
        except ArtifactMissing as error:
            raise NotFound(f"this key uploaded no picture {digest} within the day: upload it") from error
        if digest_bytes(image) != digest:
            raise ArtifactCorrupt(f"the uploaded picture {digest} is damaged: upload it again")
        return image
