"""A folder as an ArtifactStore. A write that returned is on the disk; readers never see a part of one.

Create-if-absent is temporary file, fsync, `os.link`: the link fails if the name exists, where a rename would
overwrite. Everything that can take a name away or change it (put, replace, delete) holds one lock, so that
`replace` compares and writes in one step.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from synres.domain.digests import digest_bytes
from synres.errors import ArtifactMissing, StoreFull, StoreUnavailable
from synres.ledger.keys import check_key, check_prefix
from synres.ports import StoredObject

_FULL = {errno.ENOSPC, errno.EDQUOT}
_STALE_S = 86_400.0


class FileStore:
    """`root` is made by the first write. Needs a file system with hard links and `flock`."""

    def __init__(self, root: str | Path) -> None:
        self.root = os.path.abspath(root)
        self.url = self.root
        self._temporary_folder = f"{self.root}/.tmp"
        self._made: set[str] = set()
        self._drop_stale_temporaries()

    def get(self, key: str) -> bytes:
        with self._reading(key), open(self._path(key), "rb", buffering=0) as file:
            return file.readall()

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """The etag is the sha256 of the bytes: an inode and a time can come back, for other bytes."""
        data = self.get(key)
        return data, digest_bytes(data)

    def head(self, key: str) -> StoredObject | None:
        with suppress(FileNotFoundError, NotADirectoryError), self._working(key):
            return _describe(key, os.stat(self._path(key)))
        return None

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with self._writing(key), self._temporary(data) as temporary, self._locked():
            self._install(temporary, path)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        path = self._path(key)
        with self._writing(key):
            if os.path.exists(path):
                return False
            with self._temporary(data) as temporary:
                self._make_folder(os.path.dirname(path))
                try:
                    os.link(temporary, path)
                except FileExistsError:
                    return False
                _sync_folder(os.path.dirname(path))
                return True

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        path = self._path(key)
        with self._writing(key), self._temporary(data) as temporary, self._locked():
            try:
                if self.get_with_etag(key)[1] != etag:
                    return False
            except ArtifactMissing:
                return False
            self._install(temporary, path)
            return True

    def list(self, prefix: str) -> Iterator[StoredObject]:
        folder = check_prefix(prefix).rpartition("/")[0]
        with self._working(prefix):
            for key, entry in _walk(self._path(folder) if folder else self.root, folder):
                if key.startswith(prefix):
                    with suppress(FileNotFoundError):
                        yield _describe(key, entry.stat())

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._working(key), suppress(FileNotFoundError, NotADirectoryError), self._locked():
            os.unlink(path)
            _sync_folder(os.path.dirname(path))

    def _path(self, key: str) -> str:
        return f"{self.root}/{check_key(key)}"

    def _install(self, temporary: str, path: str) -> None:
        self._make_folder(os.path.dirname(path))
        os.replace(temporary, path)
        _sync_folder(os.path.dirname(path))

    def _make_folder(self, folder: str) -> None:
        if folder in self._made:
            return
        if folder == self.root:
            os.makedirs(folder, exist_ok=True)
        else:
            self._make_folder(os.path.dirname(folder))
            with suppress(FileExistsError):
                os.mkdir(folder)
                _sync_folder(os.path.dirname(folder))
        self._made.add(folder)

    @contextmanager
    def _temporary(self, data: bytes) -> Iterator[str]:
        self._make_folder(self._temporary_folder)
        path = f"{self._temporary_folder}/{os.urandom(12).hex()}"
        try:
            with open(path, "xb", buffering=0) as file:
                _write_all(file.fileno(), data)
                os.fsync(file.fileno())
            yield path
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._make_folder(self.root)
        with open(f"{self.root}/.lock", "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            with self._working(key):
                yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ArtifactMissing(key) from error

    @contextmanager
    def _writing(self, key: str) -> Iterator[None]:
        try:
            with self._working(key):
                yield
        except (FileNotFoundError, NotADirectoryError) as error:
            self._made.clear()
            raise StoreUnavailable(
                f"a folder of {self.root} vanished while {key} was written: try again"
            ) from error

    @contextmanager
    def _working(self, key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as error:
            kind = StoreFull if error.errno in _FULL else StoreUnavailable
            raise kind(f"{key or 'listing'} in {self.root}: {error.strerror}") from error

    def _drop_stale_temporaries(self) -> None:
        with suppress(OSError), os.scandir(self._temporary_folder) as entries:
            for entry in entries:
                if time.time() - entry.stat().st_mtime > _STALE_S:
                    os.unlink(entry)


def _describe(key: str, stat: os.stat_result) -> StoredObject:
    return StoredObject(key, stat.st_size, stat.st_mtime)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _walk(folder: str, key: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return
    # `/` sorts after `-` and `.`: byte order of keys is not the order of names
    for entry in sorted(entries, key=lambda entry: entry.name + "/" * entry.is_dir()):
        child = f"{key}/{entry.name}" if key else entry.name
        if entry.is_dir():
            yield from _walk(entry.path, child)
        else:
            yield child, entry
