"""Hand-written doubles of the ports: a store in memory, and stores that misbehave."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import SecretStr

from synres.errors import ArtifactMissing, StoreFull, StoreUnavailable
from synres.ledger.keys import check_key, check_prefix
from synres.ports import ArtifactStore, StoredObject
from synres.settings import StoreSettings


def loopback_s3(port: int, timeout_s: float) -> StoreSettings:
    """Settings for something on loopback that may or may not be an S3 server."""
    return StoreSettings(
        s3_endpoint=f"127.0.0.1:{port}",
        s3_tls=False,
        s3_access_key="key",
        s3_secret_key=SecretStr("secret"),
        s3_timeout_s=timeout_s,
    )


@dataclass
class MemoryStore:
    """Keeps its word. `now_s` is the store's clock: tests move it. `calls` counts each method."""

    now_s: float = 1_000_000.0
    url: str = "memory"
    objects: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def get(self, key: str) -> bytes:
        return self.get_with_etag(key)[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        self._count("get")
        if check_key(key) not in self.objects:
            raise ArtifactMissing(key)
        data = self.objects[key][0]
        return data, hashlib.md5(data, usedforsecurity=False).hexdigest()

    def head(self, key: str) -> StoredObject | None:
        self._count("head")
        if check_key(key) not in self.objects:
            return None
        data, modified_s = self.objects[key]
        return StoredObject(key, len(data), modified_s)

    def put(self, key: str, data: bytes) -> None:
        self._count("put")
        self.objects[check_key(key)] = (data, self.now_s)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        with self.lock:
            if self.head(key) is not None:
                return False
            self.put(key, data)
            return True

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        with self.lock:
            if self.head(key) is None or self.get_with_etag(key)[1] != etag:
                return False
            self.put(key, data)
            return True

    def list(self, prefix: str) -> Iterator[StoredObject]:
        self._count("list")
        for key in sorted(self.objects):
            if key.startswith(check_prefix(prefix)):
                data, modified_s = self.objects[key]
                yield StoredObject(key, len(data), modified_s)

    def delete(self, key: str) -> None:
        self._count("delete")
        self.objects.pop(check_key(key), None)

    def _count(self, method: str) -> None:
        self.calls[method] = self.calls.get(method, 0) + 1


class OverwritingStore(MemoryStore):
    """Takes conditional writes for plain ones, and says that each of them won."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self.put(key, data)
        return True

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        self.put(key, data)
        return True


class RacyStore(MemoryStore):
    """Keeps its word to one writer at a time; writers that meet within `window_s` all win."""

    window_s: float = 0.005

    def put_if_absent(self, key: str, data: bytes) -> bool:
        absent = self.head(key) is None
        return absent and self._write_late(key, data)

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        same = self.head(key) is not None and self.get_with_etag(key)[1] == etag
        return same and self._write_late(key, data)

    def _write_late(self, key: str, data: bytes) -> bool:
        time.sleep(self.window_s)
        self.put(key, data)
        return True


class Wrapped:
    """Passes every call on; subclasses put a fault before it."""

    def __init__(self, inner: ArtifactStore) -> None:
        self.inner = inner
        self.url = inner.url

    def before(self, method: str, size: int = 0) -> None:
        """Called before each call, with the bytes that it would write."""

    def get(self, key: str) -> bytes:
        self.before("get")
        return self.inner.get(key)

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        self.before("get_with_etag")
        return self.inner.get_with_etag(key)

    def head(self, key: str) -> StoredObject | None:
        self.before("head")
        return self.inner.head(key)

    def put(self, key: str, data: bytes) -> None:
        self.before("put", len(data))
        self.inner.put(key, data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self.before("put_if_absent", len(data))
        return self.inner.put_if_absent(key, data)

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        self.before("replace", len(data))
        return self.inner.replace(key, data, etag)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        self.before("list")
        return self.inner.list(prefix)

    def delete(self, key: str) -> None:
        self.before("delete")
        self.inner.delete(key)


class RefusingStore(Wrapped):
    """Refuses the calls whose number (from 1) is in `refused`, or all of them while `down`."""

    def __init__(self, inner: ArtifactStore, refused: range = range(0)) -> None:
        super().__init__(inner)
        self.refused = refused
        self.down = False
        self.count = 0

    def before(self, method: str, size: int = 0) -> None:
        self.count += 1
        if self.down or self.count in self.refused:
            raise StoreUnavailable(f"{method} refused (call {self.count})")


class SlowStore(Wrapped):
    """Takes `delay_s` longer for every call."""

    def __init__(self, inner: ArtifactStore, delay_s: float) -> None:
        super().__init__(inner)
        self.delay_s = delay_s

    def before(self, method: str, size: int = 0) -> None:
        time.sleep(self.delay_s)


class FullStore(Wrapped):
    """Has room for `room` more bytes; tests give it more, or none."""

    def __init__(self, inner: ArtifactStore, room: int = 0) -> None:
        super().__init__(inner)
        self.room = room

    def before(self, method: str, size: int = 0) -> None:
        if size > self.room:
            raise StoreFull(f"{method} of {size} bytes: {self.room} left")
        self.room -= size
