"""What a run's folder keeps, and what it says when it cannot."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from synres.domain.types import Rejection
from synres.errors import ArtifactCorrupt, InvalidInput, LedgerVersionMismatch, NotFound
from synres.ledger.runs import Attempt, Commit, Quarantined, RunFolder, list_runs
from tests.fakes import MemoryStore

ACTION, ITEM = "a" * 64, "1" * 64
ATTEMPT = Attempt("segment", "SERVICE_UNAVAILABLE", "died", {"gpu_seconds": 2.0}, 10.0, "host")
POISON = Quarantined(ITEM, "worker_died", "segment", ACTION, "died 3 times", "synres quarantine retry")
COMMIT = Commit(
    "root", (("segment", ACTION),), (Rejection(ITEM, "worker_died"),), {"out": 1}, {}, {"m": "MIT"}
)


@pytest.fixture
def folder() -> RunFolder:
    return RunFolder(MemoryStore(), "run1")


def test_the_first_spec_stays(folder: RunFolder) -> None:
    """Freezing again returns what was frozen first."""
    assert folder.freeze({"seed": 1}) == {"seed": 1}
    assert folder.freeze({"seed": 2}) == {"seed": 1}
    assert folder.spec() == {"seed": 1}


def test_an_unknown_run_names_those_that_are_there(folder: RunFolder) -> None:
    """A wrong id says which runs the store holds."""
    folder.freeze({})
    RunFolder(folder.store, "run0").freeze({})
    with pytest.raises(NotFound, match="runs there: run0, run1"):
        RunFolder(folder.store, "run2").spec()
    assert list_runs(folder.store) == ["run0", "run1"]


@pytest.mark.parametrize("old", [b'{"format":0,"seed":1}', b'{"seed":1}', b'{"format":99}'])
def test_a_run_of_another_version_is_said(folder: RunFolder, old: bytes) -> None:
    """A run directory of an older or newer format names both formats and the mend; nothing is written."""
    folder.store.put("runs/run1/spec.json", old)
    for read in (folder.spec, lambda: folder.freeze({"seed": 1})):
        with pytest.raises(
            LedgerVersionMismatch, match="this synres reads format 1: use the synres that wrote it"
        ):
            read()
    assert folder.store.get("runs/run1/spec.json") == old


def test_what_cannot_be_read_names_its_key(folder: RunFolder) -> None:
    """A torn file of a run is ArtifactCorrupt with its key, and no half result."""
    folder.store.put("runs/run1/spec.json", b"{")
    folder.store.put("runs/run1/COMMIT.json", b'{"merkle_root":"\xff"}')
    for read, key in ((folder.spec, "spec.json"), (folder.commit, "COMMIT.json")):
        with pytest.raises(ArtifactCorrupt, match=f"runs/run1/{key} cannot be read"):
            read()


def test_the_first_plan_stays(folder: RunFolder) -> None:
    """A second plan changes nothing: the boundaries of shards are part of the frozen plan."""
    assert folder.plan() is None
    assert folder.put_plan({"photos": ["1", "2"]}) == {"photos": ("1", "2")}
    assert folder.put_plan({"photos": ["3"]}) == {"photos": ("1", "2")}
    assert folder.plan() == {"photos": ("1", "2")}


def test_attempts_are_counted_in_order(folder: RunFolder) -> None:
    """Attempts of an action come back in the order in which they were added, past the ninth too."""
    for n in range(11):
        folder.add_attempt(ACTION, replace(ATTEMPT, message=str(n)))
    folder.add_attempt("b" * 64, ATTEMPT)
    attempts = RunFolder(folder.store, "run1").attempts()
    assert [attempt.message for attempt in attempts[ACTION]] == [str(n) for n in range(11)]
    assert attempts["b" * 64] == [ATTEMPT]


def test_two_drivers_count_both_attempts(folder: RunFolder) -> None:
    """An attempt that another driver adds at the same moment is not overwritten."""

    class Late(MemoryStore):
        def list(self, prefix: str):  # type: ignore[no-untyped-def]
            return iter(())

    late = RunFolder(Late(), "run1")
    late.add_attempt(ACTION, ATTEMPT)
    late.add_attempt(ACTION, ATTEMPT)
    assert len(late.store.objects) == 2  # type: ignore[attr-defined]


def test_quarantine_and_release(folder: RunFolder) -> None:
    """Poison is kept; releasing it forgets its attempts, so that it is tried afresh."""
    folder.add_attempt(ACTION, ATTEMPT)
    folder.put_quarantined(POISON)
    assert folder.quarantined() == {ACTION: POISON}
    folder.release(ITEM)
    assert (folder.quarantined(), folder.attempts()) == ({}, {})
    with pytest.raises(NotFound, match=ITEM):
        folder.release(ITEM)
    with pytest.raises(InvalidInput):
        folder.release("../spec")


def test_two_stages_may_quarantine_one_item(folder: RunFolder) -> None:
    """Neither hides the other, and both are released with the item; files of earlier versions are read."""
    at_group = replace(POISON, stage="group", action="b" * 64)
    folder.put_quarantined(at_group)
    folder.store.put(f"runs/run1/quarantine/{ITEM}.json", msgspec.json.encode(POISON))
    assert folder.quarantined() == {ACTION: POISON, "b" * 64: at_group}
    folder.release(ITEM)
    assert folder.quarantined() == {}


def test_a_commit_of_the_same_root_stays(folder: RunFolder) -> None:
    """Two coordinators that finish alike leave the first COMMIT; another root replaces it."""
    assert folder.commit() is None
    assert folder.put_commit(COMMIT) is COMMIT
    assert folder.put_commit(replace(COMMIT, cost={"gpu_seconds": 9.0})) == COMMIT
    other = replace(COMMIT, merkle_root="other")
    assert folder.put_commit(other) is other
    assert folder.commit() == other


def test_a_run_name_cannot_leave_the_folder() -> None:
    """A run id from the command line is one part of a key."""
    with pytest.raises(InvalidInput, match="cannot be part of a key"):
        RunFolder(MemoryStore(), "../cas")
