"""Keys stay in the store, whatever a client sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres.errors import InvalidInput, UnsafePath
from synres.ledger.keys import blob_key, check_digest, check_key, check_prefix, record_key, run_key

DIGEST = "ab" * 32


def test_layout() -> None:
    """Blobs, records and runs lie where docs/architecture.md says."""
    assert blob_key(DIGEST) == f"cas/sha256/ab/{DIGEST}"
    assert record_key("caption", DIGEST) == f"ac/caption/ab/{DIGEST}.json"
    assert run_key("0123", "attempts", DIGEST, "1.json") == f"runs/0123/attempts/{DIGEST}/1.json"


@pytest.mark.parametrize("digest", ["", "ab", DIGEST.upper(), DIGEST + "\n", "../" + DIGEST[3:], "g" * 64])
def test_only_digests_are_digests(digest: str) -> None:
    """Anything but 64 lower-case hex digits is refused, with the name of what was given."""
    with pytest.raises(InvalidInput, match="is not a sha256 digest"):
        check_digest(digest)


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a b", "x" * 129])
def test_names_are_one_part(name: str) -> None:
    """A run or stage name cannot climb, hide or split."""
    for make in (lambda: run_key(name), lambda: run_key("r", name), lambda: record_key(name, DIGEST)):
        with pytest.raises(UnsafePath):
            make()


@given(st.text(max_size=40))
def test_no_accepted_key_leaves_its_folder(text: str) -> None:
    """Whatever the text: an accepted key is relative and has neither empty, `.` nor `..` parts."""
    try:
        parts = check_key(text).split("/")
    except UnsafePath:
        return
    assert all(part and not part.startswith(".") for part in parts)
    assert text.isascii()
    assert check_prefix(text) == text
