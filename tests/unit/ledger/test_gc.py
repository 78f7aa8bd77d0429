"""L10: gc marks from COMMITs and open runs, spares the young, and is a dry run unless told otherwise."""

from __future__ import annotations

import pytest

from synres.ledger.gc import MIN_AGE_S, collect_garbage
from synres.ledger.keys import blob_key, record_key
from synres.ledger.ledger import Ledger
from synres.ledger.runs import RunFolder
from synres.ledger.verify import verify_run
from tests.fakes import MemoryStore
from tests.unit.ledger.small_run import RUN, record, write_small_run


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def keys(store: MemoryStore) -> set[str]:
    return set(store.objects)


def test_nothing_that_a_finished_run_reaches_is_garbage(store: MemoryStore) -> None:
    """However old, plan, records, rows, pictures and scenes of a finished run stay, and it verifies."""
    write_small_run(store)
    store.now_s += 100 * MIN_AGE_S
    before = keys(store)
    report = collect_garbage(store, dry_run=False)
    assert (report.removed, report.freed_bytes) == ((), 0)
    assert keys(store) == before
    assert verify_run(store, RUN).sound


def test_what_nothing_reaches_goes(store: MemoryStore) -> None:
    """An orphan blob, and a record that no run names with its blob, are removed; a dry run only says so."""
    write_small_run(store)
    ledger = Ledger(store)
    orphan = ledger.put_blob(b"orphan", "image/png")
    loose = record(ledger, "caption", "7" * 64, [])
    expected = {blob_key(orphan.digest), record_key("caption", loose.body.action.digest())}
    expected.add(blob_key(loose.body.outputs["rows"]))
    store.now_s += MIN_AGE_S + 1
    before = keys(store)
    dry = collect_garbage(store)
    assert dry.dry_run
    assert (set(dry.removed), keys(store)) == (expected, before)
    wet = collect_garbage(store, dry_run=False)
    assert (wet.removed, wet.freed_bytes) == (dry.removed, dry.freed_bytes)
    assert keys(store) == before - expected


def test_the_young_are_spared(store: MemoryStore) -> None:
    """Up to a day by the store's clock nothing is touched: its record may not be written yet."""
    Ledger(store).put_blob(b"young", "image/png")
    store.now_s += MIN_AGE_S - 1
    assert collect_garbage(store, dry_run=False).removed == ()
    store.now_s += 2
    assert len(collect_garbage(store, dry_run=False).removed) == 1


def test_pictures_of_the_endpoint_s_callers_go_after_a_day(store: MemoryStore) -> None:
    """A key that uploads no more would leave its last ones for ever."""
    store.put(f"uploads/shop/{'0' * 64}", b"old")
    store.now_s += MIN_AGE_S + 1
    store.put(f"uploads/shop/{'1' * 64}", b"young")
    assert collect_garbage(store, dry_run=False).removed == (f"uploads/shop/{'0' * 64}",)


def test_an_open_run_keeps_what_follows_from_its_plan(store: MemoryStore) -> None:
    """An open run names no actions yet: every record that follows from its plan stays, with its blobs."""
    write_small_run(store)
    store.delete(f"runs/{RUN}/COMMIT.json")
    store.now_s += 2 * MIN_AGE_S
    assert collect_garbage(store, dry_run=False).removed == ()


def test_an_old_variant_of_a_finished_run_goes(store: MemoryStore) -> None:
    """The grouping of another tau, which no COMMIT names, is garbage; what both share is not."""
    kept = write_small_run(store)
    dropped = write_small_run(store, run="other", tau="0.9")
    for found in list(store.list("runs/other/")):
        store.delete(found.key)
    store.now_s += 2 * MIN_AGE_S
    removed = collect_garbage(store, dry_run=False).removed
    assert removed == (record_key("group", dropped.action("group")),)
    assert verify_run(store, RUN).merkle_root == kept.commit.merkle_root


def test_blobs_named_outside_runs_stay(store: MemoryStore) -> None:
    """A pointer that some part of synres keeps elsewhere, such as a checkpoint, protects its blobs."""
    state = Ledger(store).put_blob(b"tensors", "application/safetensors").digest
    store.put("training/x/00000001.json", f'{{"tensors":"{state}"}}'.encode())
    store.now_s += 2 * MIN_AGE_S
    assert collect_garbage(store, dry_run=False).removed == ()
    store.delete("training/x/00000001.json")
    assert collect_garbage(store, dry_run=False).removed == (blob_key(state),)


def test_a_harmed_store_is_swept_all_the_same(store: MemoryStore) -> None:
    """Torn records and missing blobs end no sweep: the torn record is garbage, the rest stays."""
    run = write_small_run(store)
    store.delete(blob_key(run.pictures[0]))
    store.put(record_key("caption", "8" * 64), b"{")
    RunFolder(store, "planless").freeze({})
    store.now_s += 2 * MIN_AGE_S
    assert collect_garbage(store, dry_run=False).removed == (record_key("caption", "8" * 64),)
