"""One suite for every ArtifactStore: memory (the double that other tests rest on), folder, S3."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minio import Minio
from pydantic import SecretStr

from services.allinone import free_ports
from synres.errors import ArtifactMissing, SettingInvalid, StoreUnavailable, UnsafePath
from synres.ledger.clock import store_clock_s
from synres.ledger.doctor import diagnose
from synres.ledger.s3_store import S3Store
from synres.ledger.stores import open_store
from synres.ports import ArtifactStore
from synres.settings import StoreSettings
from tests.contract.conftest import OpenStore
from tests.fakes import loopback_s3


def listed(store: ArtifactStore, prefix: str) -> list[str]:
    """The keys under `prefix`, sorted."""
    return sorted(found.key for found in store.list(prefix))


def test_reads_back_what_was_put(store: ArtifactStore) -> None:
    """Put then get gives the bytes, empty and binary ones too, and head their size."""
    for data in (b"", b"\x00\xff" * 1000):
        store.put("a/b.bin", data)
        found = store.head("a/b.bin")
        assert store.get("a/b.bin") == data
        assert found is not None
        assert (found.key, found.size) == ("a/b.bin", len(data))


def test_what_is_missing_is_said(store: ArtifactStore) -> None:
    """Reads of an absent key raise ArtifactMissing, head is None, lists are empty and delete is no error."""
    for read in (store.get, store.get_with_etag):
        with pytest.raises(ArtifactMissing):
            read("no/such")
    assert store.head("no/such") is None
    assert list(store.list("no/")) == []
    store.delete("no/such")


def test_create_if_absent_keeps_the_first(store: ArtifactStore) -> None:
    """The second create says False and changes nothing."""
    assert store.put_if_absent("k", b"first") is True
    assert store.put_if_absent("k", b"second") is False
    assert store.get("k") == b"first"


def test_create_again_after_delete(store: ArtifactStore) -> None:
    """A deleted key may be created anew."""
    store.put("k", b"old")
    store.delete("k")
    assert store.head("k") is None
    assert store.put_if_absent("k", b"new") is True
    assert store.get("k") == b"new"


def test_replace_compares_the_etag(store: ArtifactStore) -> None:
    """Replace works with the etag that was read, once; a stale one and a missing key say False."""
    store.put("k", b"one")
    _, etag = store.get_with_etag("k")
    assert store.replace("k", b"two", etag) is True
    assert store.replace("k", b"three", etag) is False
    assert store.get("k") == b"two"
    assert store.replace("absent", b"x", etag) is False
    assert store.head("absent") is None


def test_one_racer_creates(open_again: OpenStore) -> None:
    """Of 8 threads with stores of their own exactly one creates each key, and its bytes are there."""
    stores = [open_again() for _ in range(8)]
    start = threading.Barrier(8)

    def race(racer: int, key: str) -> bool:
        start.wait()
        return stores[racer].put_if_absent(key, b"%d" % racer)

    with ThreadPoolExecutor(8) as pool:
        for key in (f"race/{n}" for n in range(3)):
            won = list(pool.map(lambda racer, key=key: race(racer, key), range(8)))
            assert sum(won) == 1
            assert stores[0].get(key) == b"%d" % won.index(True)


def test_counter_by_replace_loses_no_turn(open_again: OpenStore) -> None:
    """4 threads that each add 5 to a number by compare-and-replace reach 20."""
    open_again().put("n", b"0")

    def add(store: ArtifactStore) -> None:
        turns = 0
        while turns < 5:
            data, etag = store.get_with_etag("n")
            turns += store.replace("n", b"%d" % (int(data) + 1), etag)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, [open_again() for _ in range(4)]))
    assert open_again().get("n") == b"20"


def test_lists_what_a_prefix_begins(store: ArtifactStore) -> None:
    """Lists give each key under a prefix once, also under a prefix that ends within a name."""
    keys = ["a-b/c", "a.b", "a/b-c/d", "a/b/c.json", "a0", "b/a"]
    for key in keys:
        store.put(key, b"x")
    assert listed(store, "") == keys
    assert listed(store, "a/b") == ["a/b-c/d", "a/b/c.json"]
    assert listed(store, "a/b/") == ["a/b/c.json"]


def test_lists_more_than_one_page(store: ArtifactStore) -> None:
    """More keys than S3 gives in one answer are all listed."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put(f"many/{n:04d}", b""), range(1005)))
    assert listed(store, "many/") == [f"many/{n:04d}" for n in range(1005)]


def test_dates_are_the_stores_own(store: ArtifactStore) -> None:
    """An object's date lies between two readings of the store's clock (S3 counts whole seconds)."""
    before_s = store_clock_s(store)
    store.put("k", b"x")
    found = store.head("k")
    assert found is not None
    assert before_s <= found.modified_s <= store_clock_s(store)
    assert [each.modified_s for each in store.list("k")] == pytest.approx([found.modified_s], abs=1.0)
    assert list(store.list("clock/")) == []


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".tmp/x", "a\nb", "ä"])
def test_keys_stay_in_the_store(store: ArtifactStore, key: str) -> None:
    """A key that is absolute, hidden, holds `..` or other letters is refused by every call."""
    for call in (
        lambda: store.get(key),
        lambda: store.head(key),
        lambda: store.put(key, b"x"),
        lambda: store.put_if_absent(key, b"x"),
        lambda: store.replace(key, b"x", "etag"),
        lambda: store.delete(key),
    ):
        with pytest.raises(UnsafePath):
            call()


@given(
    parts=st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,11}", fullmatch=True), min_size=1, max_size=4)
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_good_key_round_trips(store: ArtifactStore, parts: list[str]) -> None:
    """Whatever key the rules allow can be written, listed, read and deleted."""
    key = "/".join(["law", str(len(parts)), *parts])
    store.put(key, key.encode())
    assert store.get(key) == key.encode()
    assert key in listed(store, "law/")
    store.delete(key)
    assert store.head(key) is None


def test_doctor_finds_the_store_atomic(store: ArtifactStore) -> None:
    """Folder, memory and SeaweedFS keep their word; the doctor sees it and leaves nothing behind."""
    report = diagnose(store, race_s=1.0)
    assert report.conditional_writes == "atomic", report.checks
    assert report.usable
    assert all(check.passed for check in report.checks)
    assert list(store.list("")) == []


def test_readers_never_see_a_part(open_again: OpenStore) -> None:
    """While one thread overwrites a key, another reads only whole values."""
    values = [bytes([n]) * 200_000 for n in range(10)]
    open_again().put("k", values[0])
    reader = open_again()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda store: [store.put("k", value) for value in values], open_again())
        while not writing.done():
            assert reader.get("k") in values


def test_the_sdk_overwrites_silently(s3: StoreSettings) -> None:
    """minio's own put_object drops If-None-Match, and our adapter must not go that way: both watched here."""
    store = S3Store("trap", "", s3)
    assert store.put_if_absent("k", b"first") is True
    assert store.put_if_absent("k", b"second") is False
    assert s3.s3_secret_key is not None
    secret = s3.s3_secret_key.get_secret_value()
    sdk = Minio(s3.s3_endpoint, access_key=s3.s3_access_key, secret_key=secret, secure=False)
    with (Path(__file__)).open("rb") as body:
        sdk.put_object("trap", "k", body, 10, metadata={"If-None-Match": "*"})
    assert store.get("k") != b"first"


def test_s3_prefixes_do_not_meet(s3: StoreSettings) -> None:
    """Two prefixes of one bucket are two stores, and the URL names them."""
    one, two = (open_store(f"s3://prefixes/{name}", s3) for name in ("one", "one-more"))
    one.put("k", b"1")
    two.put("k", b"2")
    assert (one.get("k"), two.get("k"), two.url) == (b"1", b"2", "s3://prefixes/one-more")
    assert listed(one, "") == ["k"]


def test_s3_with_wrong_keys(s3: StoreSettings) -> None:
    """A refused key is a setting to mend, not an outage to wait for."""
    for wrong in ({"s3_access_key": "nobody"}, {"s3_secret_key": SecretStr("wrong")}):
        with pytest.raises(SettingInvalid, match="SYNRES_S3_ACCESS_KEY"):
            S3Store("contract", "", s3.model_copy(update=wrong)).put("k", b"x")


def test_s3_that_is_not_there() -> None:
    """Nobody listening is StoreUnavailable, soon."""
    store = S3Store("contract", "", loopback_s3(free_ports(1)[0], timeout_s=0.5))
    begun_s = time.monotonic()
    for call in (lambda: store.get("k"), lambda: store.put("k", b"x"), lambda: list(store.list(""))):
        with pytest.raises(StoreUnavailable):
            call()
    assert time.monotonic() - begun_s < 10
