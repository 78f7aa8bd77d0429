"""The lease saves waste; its age is told by the store's clock alone (L6)."""

from __future__ import annotations

import pytest

from synres.ledger.lease import RunLease
from tests.fakes import MemoryStore, OverwritingStore

TTL_S = 30.0


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def lease(store: MemoryStore) -> RunLease:
    return RunLease(store, "run")


def test_one_holder_at_a_time(lease: RunLease) -> None:
    """The first has it and may renew; others wait until it is dropped, and only its holder drops it."""
    assert lease.take("one", TTL_S)
    assert lease.take("one", TTL_S)
    assert not lease.take("two", TTL_S)
    lease.drop("two")
    assert lease.holder() == "one"
    lease.drop("one")
    assert lease.holder() == ""
    assert lease.take("two", TTL_S)


def test_a_dead_holder_loses_it_after_its_time(lease: RunLease, store: MemoryStore) -> None:
    """Time is the store's: unrenewed for longer than its own ttl it is free, and a renewal starts anew."""
    lease.take("one", TTL_S)
    store.now_s += TTL_S - 1
    assert lease.take("one", TTL_S)
    store.now_s += TTL_S - 1
    assert not lease.take("two", 0.0)
    store.now_s += 2
    assert lease.take("two", TTL_S)
    assert not lease.take("one", TTL_S)
    assert [found.key for found in store.list("clock/")] == []


def test_clocks_of_the_holders_do_not_matter(store: MemoryStore, lease: RunLease) -> None:
    """A store whose clock stands decades off our own keeps the lease all the same."""
    store.now_s = 5.0
    assert lease.take("one", TTL_S)
    assert not lease.take("two", TTL_S)


def test_a_renewal_beats_a_late_thief(store: MemoryStore) -> None:
    """Who saw the lease expire but acts after its holder renewed it does not get it."""

    class Thief(RunLease):
        def _expired(self, lease: object) -> bool:
            RunLease(store, "run").take("one", TTL_S)
            return True

    RunLease(store, "run").take("one", TTL_S)
    assert not Thief(store, "run").take("two", TTL_S)
    assert RunLease(store, "run").holder() == "one"


def test_torn_lease_is_free(lease: RunLease, store: MemoryStore) -> None:
    """A lease that cannot be read holds nobody back for long."""
    store.put("runs/run/lease.json", b"{")
    store.now_s += 1
    assert lease.take("one", TTL_S)


def test_a_store_that_overwrites_gives_it_to_all() -> None:
    """Where conditions are ignored everyone gets the lease: that is why nothing rests on it."""
    lease = RunLease(OverwritingStore(), "run")
    assert lease.take("one", TTL_S)
    assert lease.take("two", TTL_S)


def test_a_lease_says_what_keeps_its_run_while_its_holder_lives(store: MemoryStore, lease: RunLease) -> None:
    """Each renewal says it anew; a silent holder says nothing any more, nor does what was no lease."""
    assert lease.read() is None
    lease.take("one", TTL_S)
    lease.take("one", TTL_S, "segment: no replica is ready")
    found = lease.read()
    assert found is not None and (found.holder, found.waits_for) == ("one", "segment: no replica is ready")
    store.now_s += TTL_S + 1
    assert lease.read() is None
    store.put("runs/run/lease.json", b"{")
    store.now_s += 1
    assert lease.read() is None
