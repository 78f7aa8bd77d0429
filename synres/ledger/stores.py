"""Opens a store by its URL."""

from __future__ import annotations

from pathlib import Path

from synres.errors import InvalidInput
from synres.ledger.file_store import FileStore
from synres.ports import ArtifactStore
from synres.settings import StoreSettings, load_settings


def open_store(url: str, settings: StoreSettings | None = None) -> ArtifactStore:
    """A folder path or `s3://bucket/prefix`; endpoint and keys from `settings` (default: environment)."""
    scheme, separator, rest = url.partition("://")
    if not separator and not url.startswith("s3:"):
        if Path(url).is_file():
            raise InvalidInput(f"{url} is a file, not a store: give a folder, or s3://bucket/prefix")
        return FileStore(url)
    if scheme == "s3" and rest:
        # minio loads urllib3 and argon2: a folder needs neither
        from synres.ledger.s3_store import S3Store

        bucket, _, prefix = rest.partition("/")
        return S3Store(bucket, prefix.strip("/"), settings or load_settings(StoreSettings))
    raise InvalidInput(f"{url!r} is not a store: give a folder, or s3://bucket/prefix")
