"""A folder as an ArtifactStore. Readers never see a part of a write, not after a power cut either.

Contents are fsynced before they get their name; names are not (that would double the cost of a write). So a
write that returned outlives its process; a power cut may take the names of the last seconds, and what is
absent is computed anew (L2).

Create-if-absent is temporary file, fsync, hard link: the link fails if the name exists, where a rename would
overwrite. Everything that can change a name or take it away (put, replace, delete) holds one lock, so that
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
from synres.errors import ArtifactMissing, InvalidInput, StoreFull, StoreUnavailable
from synres.ledger.keys import check_key, check_prefix
from synres.ports import StoredObject

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_ABSENT = (FileNotFoundError, NotADirectoryError)
_STALE_S = 86_400.0


class FileStore:
    """`root` is made by the first write. Needs a file system with hard links and `flock`.

    Raises InvalidInput where no store can ever be; a store that was there and does not answer is an outage.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).resolve()
        self.url = str(self.root)
        self._temporary_folder = self.root / ".tmp"
        self._made: set[Path] = set()
        _check_place(self.root)
        self._drop_stale_temporaries()

    def get(self, key: str) -> bytes:
        try:
            with self._errors(key):
                return self._path(key).read_bytes()
        except _ABSENT as error:
            raise ArtifactMissing(key) from error

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """The etag is the sha256 of the bytes: an inode and a time can come back, for other bytes."""
        data = self.get(key)
        return data, digest_bytes(data)

    def head(self, key: str) -> StoredObject | None:
        with suppress(*_ABSENT), self._errors(key):
            return _describe(key, self._path(key).stat())
        return None

    def put(self, key: str, data: bytes) -> None:
        with self._writing(key) as path, self._temporary(data) as temporary, self._locked():
            self._install(temporary, path)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        with self._writing(key) as path:
            if path.exists():
                return False
            with self._temporary(data) as temporary:
                self._make_folder(path.parent)
                try:
                    path.hardlink_to(temporary)
                except FileExistsError:
                    return False
                return True

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        with self._writing(key) as path, self._temporary(data) as temporary, self._locked():
            try:
                if self.get_with_etag(key)[1] != etag:
                    return False
            except ArtifactMissing:
                return False
            self._install(temporary, path)
            return True

    def list(self, prefix: str) -> Iterator[StoredObject]:
        folder = check_prefix(prefix).rpartition("/")[0]
        with self._errors(prefix):
            for key, entry in _walk(self.root / folder, folder):
                if key.startswith(prefix):
                    with suppress(FileNotFoundError):
                        yield _describe(key, entry.stat())

    def delete(self, key: str) -> None:
        path = self._path(key)
        with suppress(*_ABSENT), self._errors(key):
            path.stat()
            with self._locked():
                path.unlink()

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _install(self, temporary: Path, path: Path) -> None:
        self._make_folder(path.parent)
        temporary.replace(path)

    def _make_folder(self, folder: Path) -> None:
        if folder not in self._made:
            folder.mkdir(parents=True, exist_ok=True)
            self._made.add(folder)

    @contextmanager
    def _temporary(self, data: bytes) -> Iterator[Path]:
        self._make_folder(self._temporary_folder)
        path = self._temporary_folder / os.urandom(12).hex()
        try:
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.root / ".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _writing(self, key: str) -> Iterator[Path]:
        try:
            with self._errors(key):
                yield self._path(key)
        except _ABSENT as error:
            self._made.clear()
            raise StoreUnavailable(
                f"a folder of {self.root} vanished while {key} was written: try again"
            ) from error

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except _ABSENT:
            raise
        except OSError as error:
            kind = StoreFull if error.errno in _FULL else StoreUnavailable
            raise kind(f"{key or 'listing'} in {self.root}: {error.strerror}") from error

    def _drop_stale_temporaries(self) -> None:
        with suppress(OSError):
            for path in self._temporary_folder.iterdir():
                if time.time() - path.stat().st_mtime > _STALE_S:
                    path.unlink()


def _check_place(root: Path) -> None:
    # pathlib raises for what lies below a folder that may not be entered
    nearest = next(folder for folder in (root, *root.parents) if os.path.exists(folder))  # noqa: PTH110
    if not nearest.is_dir():
        what = f"{root} is a file, not a store" if nearest == root else f"{nearest} is a file"
        raise InvalidInput(f"{what}: give a folder, or s3://bucket/prefix")
    if not os.access(nearest, os.W_OK | os.X_OK, effective_ids=True) and not os.path.exists(root / "cas"):  # noqa: PTH110
        raise InvalidInput(f"no store can be made at {root}: {nearest} may not be written; name another")


def _describe(key: str, stat: os.stat_result) -> StoredObject:
    return StoredObject(key, stat.st_size, stat.st_mtime)


def _walk(folder: str | Path, key: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.name.startswith(".")]
    except _ABSENT:
        return
    for entry in entries:
        child = f"{key}/{entry.name}" if key else entry.name
        if entry.is_dir():
            yield from _walk(entry.path, child)
        else:
            yield child, entry
