"""L1: whatever a store does with conditional writes, artifacts never mix."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from synres.ledger.doctor import diagnose
from synres.ledger.ledger import Ledger
from synres.ledger.merkle import merkle_root
from synres.ledger.records import Action, Body, Meta, Record
from synres.ledger.runs import Commit, RunFolder
from synres.ledger.verify import verify_run
from tests.fakes import MemoryStore, OverwritingStore, RacyStore

STAGES = ("caption", "generate", "segment", "group")
STORES = [MemoryStore, RacyStore, OverwritingStore]
VERDICTS = ["atomic", "racy", "ignored"]


def work_through(ledger: Ledger, worker: str, shard: str, start: threading.Barrier) -> list[Record]:
    """One coordinator that walks all stages; its outputs bear its name, as those of a GPU might differ."""
    source, records = shard, []
    for stage in STAGES:
        action = Action(stage, 1, "model", "{}", (source,))
        start.wait()
        record = ledger.find_record(stage, action.digest())
        if record is None:
            output = ledger.put_blob(f"{worker} made {stage} from {source}".encode(), "text/plain").digest
            record = ledger.commit_record(Record(Body(action, {"rows": output}), Meta(host=worker)))
        records.append(record)
        source = record.body.outputs["rows"]
    return records


@pytest.mark.parametrize("kind", STORES)
def test_two_coordinators_never_mix_artifacts(kind: type[MemoryStore]) -> None:
    """Two racing coordinators leave one chain, in which each output was made from the input it names."""
    for _ in range(10):
        ledger = Ledger(kind())
        shard = ledger.put_blob(b"samples", "text/plain").digest
        meet = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            racing = [pool.submit(work_through, ledger, worker, shard, meet) for worker in ("one", "two")]
            for chain in racing:
                assert_linked(ledger, shard, chain.result())
        after = work_through(ledger, "after", shard, threading.Barrier(1))
        assert_linked(ledger, shard, after)
        assert verify_finished(ledger, shard, after)


def assert_linked(ledger: Ledger, shard: str, records: list[Record]) -> None:
    source = shard
    for record in records:
        digest = record.body.outputs["rows"]
        assert record.body.action.inputs == (source,)
        text = ledger.get_blob(digest).decode()
        assert text.endswith(f" made {record.body.action.stage} from {source}")
        source = digest


def verify_finished(ledger: Ledger, shard: str, records: list[Record]) -> bool:
    folder = RunFolder(ledger.store, "run")
    folder.freeze({})
    folder.put_plan({"data": [shard]})
    done = [(r.body.action.digest(), r.body.outputs) for r in records]
    actions = tuple((r.body.action.stage, r.body.action.digest()) for r in records)
    folder.put_commit(Commit(merkle_root(done, []), actions, (), {}, {}, {}))
    return verify_run(ledger.store, "run").sound


@pytest.mark.parametrize(("kind", "verdict"), list(zip(STORES, VERDICTS, strict=True)))
def test_the_doctor_tells_them_apart(kind: type[MemoryStore], verdict: str) -> None:
    """Each kind of store gets its verdict and what it means; all are usable, all are left clean."""
    store = kind()
    report = diagnose(store, rounds=3)
    assert report.conditional_writes == verdict
    assert ("Run one coordinator" in report.meaning) is (verdict != "atomic")
    assert report.usable
    assert store.objects == {}


def test_the_doctor_sees_a_store_that_forgets() -> None:
    """A store that lists late or keeps deleted keys is not usable, and the check that failed says so."""

    class Forgetful(MemoryStore):
        def delete(self, key: str) -> None:
            if not key.endswith("/delete") or self.calls.get("delete", 0) > 2:
                super().delete(key)
            self._count("delete")

    report = diagnose(Forgetful(), rounds=1)
    assert not report.usable
    assert [check.name for check in report.checks if not check.passed] == ["delete"]
