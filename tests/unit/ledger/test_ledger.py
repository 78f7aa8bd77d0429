"""Blobs and records: invariants L2 and L4 of docs/architecture.md."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres.domain.digests import digest_bytes
from synres.domain.types import Rejection, SceneObject
from synres.errors import ArtifactCorrupt, ArtifactMissing, InvalidInput, StoreUnavailable
from synres.ledger.keys import blob_key, record_key
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action, Body, Meta, Record
from synres.ports import StoredObject
from tests.fakes import MemoryStore
from tests.unit.ledger.small_run import MASK

ACTION = Action("caption", 1, "model", "{}", ("0" * 64,))
KEY = record_key("caption", ACTION.digest())


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(MemoryStore())


def make_record(ledger: Ledger, text: bytes = b"rows", host: str = "one") -> Record:
    digest = ledger.put_blob(text, "text/plain").digest
    return Record(Body(ACTION, {"rows": digest}, (Rejection("1" * 64, "empty_mask"),)), Meta(host=host))


@given(st.binary(max_size=200))
def test_blobs_round_trip(data: bytes) -> None:
    """A blob is found by the sha256 of its bytes, and its reference tells size and type."""
    ledger = Ledger(MemoryStore())
    ref = ledger.put_blob(data, "image/png")
    assert (ref.digest, ref.size, ref.media_type) == (digest_bytes(data), len(data), "image/png")
    assert ledger.has_blob(ref.digest)
    assert ledger.get_blob(ref.digest) == data


def test_a_present_blob_is_not_written_again(ledger: Ledger) -> None:
    """Putting the same bytes twice writes once."""
    ledger.put_blob(b"x", "text/plain")
    ledger.put_blob(b"x", "text/plain")
    assert isinstance(ledger.store, MemoryStore)
    assert ledger.store.calls["put"] == 1


def test_a_missing_blob_is_said(ledger: Ledger) -> None:
    """An absent digest raises ArtifactMissing with the mend; what is no digest is bad input."""
    with pytest.raises(ArtifactMissing, match="run again"):
        ledger.get_blob("0" * 64)
    with pytest.raises(InvalidInput):
        ledger.get_blob("../../etc/passwd")


def test_a_corrupt_blob_is_found_and_can_be_written_anew(ledger: Ledger) -> None:
    """Flipped bytes raise ArtifactCorrupt once; then the blob is absent, and putting it heals it."""
    digest = ledger.put_blob(b"good", "text/plain").digest
    ledger.store.put(blob_key(digest), b"evil")
    with pytest.raises(ArtifactCorrupt, match=digest):
        ledger.get_blob(digest)
    assert not ledger.has_blob(digest)
    ledger.put_blob(b"good", "text/plain")
    assert ledger.get_blob(digest) == b"good"


def test_a_torn_blob_is_mended_by_put(ledger: Ledger) -> None:
    """A blob of another size is overwritten, without being read first."""
    digest = digest_bytes(b"whole")
    ledger.store.put(blob_key(digest), b"who")
    ledger.put_blob(b"whole", "text/plain")
    assert ledger.get_blob(digest) == b"whole"


def test_a_fault_on_the_way_is_not_a_corrupt_blob() -> None:
    """Bytes that come wrong once and right the second time are taken, and nothing is removed."""

    class OnceWrong(MemoryStore):
        wrong = True

        def get(self, key: str) -> bytes:
            data = super().get(key)
            data, self.wrong = (data[:-1] if self.wrong else data), False
            return data

    ledger = Ledger(OnceWrong())
    digest = ledger.put_blob(b"good", "text/plain").digest
    assert ledger.get_blob(digest) == b"good"


def test_rows_round_trip(ledger: Ledger) -> None:
    """Typed rows come back equal, in their order; rows of another type are ArtifactCorrupt."""
    rows = [SceneObject("cat", MASK), SceneObject("dog", MASK)]
    ref = ledger.put_rows(rows)
    assert ref.media_type == "application/jsonl"
    assert ledger.get_rows(ref.digest, SceneObject) == rows
    with pytest.raises(ArtifactCorrupt, match="Rejection"):
        ledger.get_rows(ref.digest, Rejection)


def test_record_round_trip(ledger: Ledger) -> None:
    """A committed record is found by its action, as it was."""
    record = make_record(ledger)
    assert ledger.find_record("caption", ACTION.digest()) is None
    assert ledger.commit_record(record) is record
    assert ledger.find_record("caption", ACTION.digest()) == record


def test_finding_a_record_reads_no_blob(ledger: Ledger) -> None:
    """find_record reads the record alone, and only looks whether its blobs are there."""
    ledger.commit_record(make_record(ledger))
    assert isinstance(ledger.store, MemoryStore)
    ledger.store.calls.clear()
    ledger.find_record("caption", ACTION.digest())
    assert ledger.store.calls == {"get": 1, "head": 1}


def test_the_loser_gets_the_winners_record(ledger: Ledger) -> None:
    """L4: the second record of an action is discarded and the first one returned."""
    first, second = make_record(ledger, b"1"), make_record(ledger, b"2", host="two")
    ledger.commit_record(first)
    assert ledger.commit_record(second) == first
    assert ledger.find_record("caption", ACTION.digest()) == first


def test_blobs_first(ledger: Ledger) -> None:
    """L2: a record whose own blob is not in the store is not written."""
    record = Record(Body(ACTION, {"rows": "9" * 64}), Meta())
    with pytest.raises(ArtifactMissing, match="9" * 64):
        ledger.commit_record(record)
    assert ledger.store.head(KEY) is None


def test_a_record_without_its_blob_is_absent_and_replaced(ledger: Ledger) -> None:
    """L2: a record that points at a missing blob counts as absent, and gives way to a whole one."""
    first = ledger.commit_record(make_record(ledger, b"1"))
    ledger.store.delete(blob_key(first.body.outputs["rows"]))
    assert ledger.find_record("caption", ACTION.digest()) is None
    second = make_record(ledger, b"2")
    assert ledger.commit_record(second) is second
    assert ledger.find_record("caption", ACTION.digest()) == second


@pytest.mark.parametrize("torn", [b"", b"{", b'{"body":1}', b"\xff\xfe"])
def test_an_unreadable_record_is_absent_and_replaced(ledger: Ledger, torn: bytes) -> None:
    """L2: bytes that are no record count as absent, and give way."""
    ledger.store.put(KEY, torn)
    assert ledger.find_record("caption", ACTION.digest()) is None
    record = make_record(ledger)
    assert ledger.commit_record(record) is record


@pytest.mark.parametrize("bit", range(8))
def test_a_record_with_a_flipped_bit_never_stops_a_run(ledger: Ledger, bit: int) -> None:
    """L2: wherever a bit has flipped, the record reads as some record or counts as absent; nothing raises."""
    good = ledger.commit_record(make_record(ledger)).encode()
    for place in range(len(good)):
        rotten = bytearray(good)
        rotten[place] ^= 1 << bit
        ledger.store.put(KEY, bytes(rotten))
        ledger.find_record("caption", ACTION.digest())


def test_a_record_under_another_action_is_absent(ledger: Ledger) -> None:
    """A record that was copied to another action's key does not answer for that action."""
    record = make_record(ledger)
    ledger.store.put(record_key("caption", "3" * 64), record.encode())
    assert ledger.find_record("caption", "3" * 64) is None


def test_the_oracle_may_go(ledger: Ledger) -> None:
    """Deleting the oracle output leaves the record visible."""
    record = make_record(ledger)
    oracle = ledger.put_blob(b"exact masks", "text/plain").digest
    body = replace(record.body, outputs={**record.body.outputs, "oracle": oracle})
    ledger.commit_record(Record(body, Meta()))
    ledger.store.delete(blob_key(oracle))
    assert ledger.find_record("caption", ACTION.digest()) is not None


def test_an_endless_contest_ends() -> None:
    """A store that refuses every conditional write and never shows a record is said to be unavailable."""

    class Refusing(MemoryStore):
        def put_if_absent(self, key: str, data: bytes) -> bool:
            return key.startswith("cas/") and super().put_if_absent(key, data)

        def head(self, key: str) -> StoredObject | None:
            return super().head(key)

    ledger = Ledger(Refusing())
    with pytest.raises(StoreUnavailable, match="try again"):
        ledger.commit_record(make_record(ledger))


def test_meta_is_not_hashed(ledger: Ledger) -> None:
    """Cost, times and hosts differ between two runs of one action; its digest does not."""
    one, two = make_record(ledger, host="one"), make_record(ledger, host="two")
    assert one.encode() != two.encode()
    assert one.body == two.body
    assert one.body.action.digest() == two.body.action.digest()
