"""verify finds every kind of damage to a finished run, and finds none in a sound one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from synres.domain.types import Rejection
from synres.errors import LedgerVersionMismatch, NotFound
from synres.ledger.keys import blob_key, record_key
from synres.ledger.ledger import Ledger
from synres.ledger.records import Meta, Record
from synres.ledger.runs import RunFolder
from synres.ledger.verify import verify_run
from synres.ports import ArtifactStore
from tests.fakes import MemoryStore
from tests.unit.ledger.small_run import RUN, STAGES, SmallRun, write_small_run


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def run(store: MemoryStore) -> SmallRun:
    return write_small_run(store)


def test_a_sound_run(store: MemoryStore, run: SmallRun) -> None:
    """Every record and every blob that the run reaches is read: rows, pictures, scene, oracle and plan."""
    blobs = list(store.list("cas/"))
    before = dict(store.objects)
    report = verify_run(store, RUN)
    assert report.sound
    assert report.faults == ()
    assert report.merkle_root == run.commit.merkle_root
    assert (report.records, report.blobs, report.total_bytes) == (4, len(blobs), sum(b.size for b in blobs))
    assert store.objects == before


class _Sluggish(bytes):
    """Lets other threads run whenever somebody asks for its length."""

    def __len__(self) -> int:
        time.sleep(0.005)
        return super().__len__()


class _SluggishStore(MemoryStore):
    def get(self, key: str) -> bytes:
        data = super().get(key)
        return _Sluggish(data) if key.startswith("cas/") else data


def test_readers_lose_no_count() -> None:
    """Eight readers at a time count every blob and every byte."""
    store = _SluggishStore()
    write_small_run(store)
    report = verify_run(store, RUN)
    blobs = list(store.list("cas/"))
    assert (report.blobs, report.total_bytes) == (len(blobs), sum(blob.size for blob in blobs))


@pytest.mark.parametrize("which", ["shard", "rows", "picture", "scene"])
@pytest.mark.parametrize("harm", ["missing", "flipped", "cut"])
def test_each_harmed_blob_is_named(store: MemoryStore, run: SmallRun, which: str, harm: str) -> None:
    """A blob that is missing, altered or cut anywhere below the run is named in the one fault."""
    scene = run.sample.scene
    assert scene is not None
    digests = {
        "shard": run.shard,
        "rows": run.rows("segment"),
        "picture": run.pictures[1],
        "scene": scene.digest,
    }
    digest = digests[which]
    good = store.get(blob_key(digest))
    if harm == "missing":
        store.delete(blob_key(digest))
    else:
        store.put(blob_key(digest), good[:-1] + (b"" if harm == "cut" else b"\x00"))
    report = verify_run(store, RUN)
    assert len(report.faults) == 1
    assert f"blob {digest}" in report.faults[0]


def test_the_oracle_may_be_gone(store: MemoryStore, run: SmallRun) -> None:
    """Deleting the exact masks leaves the run sound, and its root as it was."""
    store.delete(blob_key(run.records["group"].body.outputs["oracle"]))
    assert verify_run(store, RUN).sound


def _missing(store: ArtifactStore, run: SmallRun, stage: str) -> None:
    store.delete(record_key(stage, run.action(stage)))


def _torn(store: ArtifactStore, run: SmallRun, stage: str) -> None:
    store.put(record_key(stage, run.action(stage)), b"{")


def _another(store: ArtifactStore, run: SmallRun, stage: str) -> None:
    other = run.records["group" if stage != "group" else "caption"]
    store.put(record_key(stage, run.action(stage)), other.encode())


@pytest.mark.parametrize("harm", [_missing, _torn, _another])
@pytest.mark.parametrize("stage", STAGES)
def test_each_harmed_record_is_named(
    store: MemoryStore, run: SmallRun, stage: str, harm: Callable[[ArtifactStore, SmallRun, str], None]
) -> None:
    """A record that is missing, torn or another's is named, and the root no longer fits."""
    harm(store, run, stage)
    report = verify_run(store, RUN)
    assert f"record {stage} {run.action(stage)}" in report.faults[0]
    assert "COMMIT says" in report.faults[-1]


def test_a_mixed_artifact_is_found(store: MemoryStore, run: SmallRun) -> None:
    """L1: a record whose input no visible record made is a fault, though every hash fits."""
    caption = run.records["caption"]
    orphan = Ledger(store).put_blob(b"[]", "application/jsonl").digest
    mixed = Record(replace(caption.body, outputs={"rows": orphan}), Meta())
    store.put(record_key("caption", run.action("caption")), mixed.encode())
    report = verify_run(store, RUN)
    assert f"input {run.rows('caption')} of generate" in report.faults[0]


def test_a_changed_rejection_changes_the_root(store: MemoryStore, run: SmallRun) -> None:
    """Rejections are part of the root: dropping one from a record or from COMMIT is found."""
    caption = run.records["caption"]
    bare = Record(replace(caption.body, rejections=()), Meta())
    store.put(record_key("caption", run.action("caption")), bare.encode())
    assert "COMMIT says" in verify_run(store, RUN).faults[0]
    store.put(record_key("caption", run.action("caption")), caption.encode())
    RunFolder(store, RUN).put_commit(replace(run.commit, merkle_root="0", quarantined=(Rejection("0", "x"),)))
    assert "COMMIT says 0" in verify_run(store, RUN).faults[0]


def test_meta_does_not_matter(store: MemoryStore, run: SmallRun) -> None:
    """Another host and other costs are the same run."""
    record = Record(run.records["caption"].body, Meta(host="elsewhere", cost={"seconds": 9.0}))
    store.put(record_key("caption", run.action("caption")), record.encode())
    assert verify_run(store, RUN).sound


def test_an_open_run_cannot_be_verified(store: MemoryStore) -> None:
    """An unknown run, an unfinished one and one of another version each get their own sentence."""
    with pytest.raises(NotFound, match="run absent is not in memory"):
        verify_run(store, "absent")
    RunFolder(store, "open").freeze({})
    with pytest.raises(NotFound, match="run open is not finished"):
        verify_run(store, "open")
    store.put("runs/old/spec.json", b'{"format":0}')
    with pytest.raises(LedgerVersionMismatch):
        verify_run(store, "old")
