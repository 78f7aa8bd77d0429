"""Opens a store by its URL."""

from __future__ import annotations

from synres.errors import InvalidInput, NotFound
from synres.ledger.file_store import FileStore
from synres.ports import ArtifactStore
from synres.settings import StoreSettings, load_settings


def open_store(url: str, settings: StoreSettings | None = None) -> ArtifactStore:
    """A folder path or `s3://bucket/prefix`; endpoint and keys from `settings` (default: environment).

    Raises InvalidInput for what is no store and can become none.
    """
    scheme, separator, rest = url.partition("://")
    if not separator and not url.startswith("s3:"):
        return FileStore(url)
    if scheme == "s3" and rest:
        # minio loads urllib3 and argon2: a folder needs neither
        from synres.ledger.s3_store import S3Store

        bucket, _, prefix = rest.partition("/")
        return S3Store(bucket, prefix.strip("/"), settings or load_settings(StoreSettings))
    raise InvalidInput(f"{url!r} is not a store: give a folder, or s3://bucket/prefix")


def find_store(url: str, settings: StoreSettings | None = None) -> ArtifactStore:
    """`open_store` for readers: raises NotFound for a folder that is not there, which would read as empty."""
    store = open_store(url, settings)
    if isinstance(store, FileStore) and not store.root.is_dir():
        raise NotFound(f"there is no store at {store.root}; a run makes one, `synres demo` for example")
    return store
