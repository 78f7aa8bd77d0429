"""A store's URL, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from synres.errors import InvalidInput
from synres.ledger.file_store import FileStore
from synres.ledger.s3_store import S3Store
from synres.ledger.stores import open_store
from synres.settings import StoreSettings


def test_a_path_is_a_folder(tmp_path: Path) -> None:
    """A plain path opens a folder, and its own url opens the same one."""
    store = open_store(str(tmp_path / "s"))
    assert isinstance(store, FileStore)
    store.put("k", b"x")
    assert open_store(store.url).get("k") == b"x"


def test_s3_takes_bucket_and_prefix() -> None:
    """Bucket and prefix come from the URL, slashes at its end do not matter; opening asks no server."""
    for url in ("s3://bucket", "s3://bucket/a/b", "s3://bucket/a/b/"):
        store = open_store(url, StoreSettings())
        assert isinstance(store, S3Store)
        assert store.url == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["s3://", "s3:/b/x", "http://host/bucket", "s3://b", "s3://b!d/x", "s3://bucket/../x"]
)
def test_other_urls_are_refused(url: str) -> None:
    """Another scheme, no bucket, a name that no bucket may have, and a prefix that climbs are bad input."""
    with pytest.raises(InvalidInput):
        open_store(url, StoreSettings())


def test_a_file_is_refused(tmp_path: Path) -> None:
    """A file in the folder's place would read as an empty store."""
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="is a file"):
        open_store(str(tmp_path / "file"))
