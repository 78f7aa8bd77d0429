"""The store refuses, crawls, or is full for a while; two coordinators share one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from services.coordinator.events import Event, Waiting
from services.coordinator.run import run_spec
from synres.errors import StoreUnavailable
from synres.ledger.file_store import FileStore
from synres.ledger.lease import RunLease
from synres.ledger.runs import Commit, RunFolder, list_runs
from synres.ports import ArtifactStore
from tests.fakes import FullStore, OverwritingStore, RacyStore, RefusingStore, SlowStore
from tests.runs import Between, instant_executor, spec_with, undisturbed_root

OUTAGE_S = 0.5


class Outage(RefusingStore):
    """Goes down at call number `first`, for `OUTAGE_S`."""

    def __init__(self, inner: ArtifactStore, first: int) -> None:
        super().__init__(inner)
        self._first = first

    def before(self, method: str, size: int = 0) -> None:
        if self.count == self._first:
            self.down = True
            threading.Timer(OUTAGE_S, self._come_back).start()
        super().before(method, size)

    def _come_back(self) -> None:
        self.down = False


class Filling(FullStore):
    """Has little room; somebody makes more when it is used up."""

    def before(self, method: str, size: int = 0) -> None:
        if size > self.room:
            threading.Timer(OUTAGE_S, self._make_room).start()
        super().before(method, size)

    def _make_room(self) -> None:
        self.room += 10_000_000


@pytest.mark.parametrize("first", [0, 20, 150, 220, 300])
def test_a_store_that_refuses_for_a_while_is_waited_for(tmp_path: Path, first: int) -> None:
    """Whether while planning, working or committing: no attempt is counted, and the root is the same."""
    store, told = Outage(FileStore(tmp_path / "outage"), first), list[Event]()
    commit = run_spec(spec_with(), store, instant_executor(store), told.append)
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain")
    assert any(isinstance(event, Waiting) and event.code == "STORE_UNAVAILABLE" for event in told)
    (run,) = list_runs(store)
    assert not RunFolder(store, run).attempts()


@pytest.mark.parametrize("room", [30_000, 110_000])
def test_a_full_store_is_waited_for(tmp_path: Path, room: int) -> None:
    """When there is room again the run goes on as if nothing had been."""
    store, told = Filling(FileStore(tmp_path / "full"), room), list[Event]()
    commit = run_spec(spec_with(), store, instant_executor(store), told.append)
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain")
    assert any(isinstance(event, Waiting) and event.code == "STORE_FULL" for event in told)


def test_a_slow_store_is_only_slow(tmp_path: Path) -> None:
    """Four milliseconds a call change nothing else."""
    store = SlowStore(FileStore(tmp_path / "slow"), 0.004)
    commit = run_spec(spec_with(), store, instant_executor(store))
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain")


def test_patience_ends(tmp_path: Path) -> None:
    """A store that stays away stops the run with its own error."""
    store = RefusingStore(FileStore(tmp_path))
    store.down = True
    with pytest.raises(StoreUnavailable):
        run_spec(spec_with(("patience_s: 30", "patience_s: 0.2")), store, instant_executor(store))


@pytest.mark.parametrize("kind", [RacyStore, OverwritingStore])
def test_a_store_that_breaks_its_word_never_changes_the_root(tmp_path: Path, kind: type[RacyStore]) -> None:
    """Two drivers without a lease, on a store whose conditional writes are racy or ignored (L1, L4)."""
    store = kind()
    commits = together(lambda: run_spec(spec_with(), store, instant_executor(store), lease_ttl_s=0), 2)
    assert {commit.merkle_root for commit in commits} == {undisturbed_root(tmp_path / "plain")}


def test_two_coordinators_without_a_lease_agree(tmp_path: Path) -> None:
    """They repeat work at worst: one root, and one record for each action."""
    folder = tmp_path / "shared"

    def work() -> Commit:
        store = FileStore(folder)
        return run_spec(spec_with(), store, instant_executor(store, delay_s=0.002), lease_ttl_s=0)

    commits = together(work, 2)
    assert {commit.merkle_root for commit in commits} == {undisturbed_root(tmp_path / "plain")}
    assert len(list(FileStore(folder).list("ac/"))) == len(commits[0].actions)


def test_a_second_coordinator_waits_for_the_lease_and_finds_all_done(tmp_path: Path) -> None:
    """The lease saves the second one all work."""
    store = FileStore(tmp_path)
    counted = [Between(instant_executor(store, delay_s=0.01)) for _ in range(2)]
    turns = iter(counted)
    commits = together(lambda: run_spec(spec_with(), store, next(turns)), 2)
    assert commits[0] == commits[1]
    assert sorted(bool(executor.calls) for executor in counted) == [False, True]


def test_the_lease_of_a_holder_that_vanished_runs_out(tmp_path: Path) -> None:
    """A coordinator on another machine that never came back delays the next by its time to live, no more."""
    store, told = FileStore(tmp_path), list[Event]()
    first = run_spec(spec_with(), store, instant_executor(store))
    (run,) = list_runs(store)
    assert RunLease(store, run).take("elsewhere:1:abc", 0.5)
    assert run_spec(spec_with(), store, instant_executor(store), told.append, lease_ttl_s=0.5) == first
    assert any(isinstance(event, Waiting) and event.code == "LEASE_HELD" for event in told)


def together(work: Callable[[], Commit], count: int) -> list[Commit]:
    """The results of `work` in so many threads at once."""
    done: list[Commit] = []
    threads = [threading.Thread(target=lambda: done.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == count
    return done
