"""A store's URL, and what is wrong with one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from synres.errors import InvalidInput, NotFound
from synres.ledger.file_store import FileStore
from synres.ledger.s3_store import S3Store
from synres.ledger.stores import find_store, open_store
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


def test_below_a_file_no_store_can_be(tmp_path: Path) -> None:
    """Waiting would not help: it is bad input, not an outage."""
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="file is a file: give a folder"):
        open_store(str(tmp_path / "file" / "below" / "it"))


def test_where_nobody_may_write_no_store_can_be(tmp_path: Path) -> None:
    """Nor would it help there; but a store that is only read may be read-only."""
    FileStore(tmp_path / "old").put("cas/k", b"x")
    tmp_path.chmod(0o555)
    (tmp_path / "old").chmod(0o555)
    nobody = 65534
    before = os.geteuid()
    try:
        if before == 0:
            os.seteuid(nobody)
        with pytest.raises(InvalidInput, match="no store can be made at"):
            open_store(str(tmp_path / "new"))
        # root's tests lie in a folder that nobody else may enter
        assert before == 0 or open_store(str(tmp_path / "old")).get("cas/k") == b"x"
    finally:
        os.seteuid(before)
        (tmp_path / "old").chmod(0o755)
        tmp_path.chmod(0o755)


def test_a_store_for_reading_must_be_there(tmp_path: Path) -> None:
    """A mistyped path would read as an empty store; nothing is made by looking."""
    with pytest.raises(NotFound, match=f"there is no store at {tmp_path}/s"):
        find_store(str(tmp_path / "s"))
    assert list(tmp_path.iterdir()) == []
    open_store(str(tmp_path / "s")).put("k", b"x")
    assert find_store(str(tmp_path / "s")).get("k") == b"x"
