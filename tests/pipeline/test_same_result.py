"""The result of a run depends on its method alone."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.allinone import local_s3
from services.coordinator.run import plan_spec, run_spec, status
from synres.ledger.file_store import FileStore
from synres.ledger.keys import blob_key, record_key
from synres.ledger.runs import list_runs
from synres.ledger.stores import open_store
from synres.ledger.verify import verify_run
from synres.ports import ShardRequest
from tests.instant import InstantRenderer
from tests.runs import Between, instant_executor, spec_with, undisturbed_root


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_order_and_worker_count_never_change_the_root(tmp_path: Path, workers: int) -> None:
    """Workers that finish in a random order, with one shard waiting at most, end with the same root (L3)."""
    spec = spec_with(("workers: 2", f"workers: {workers}, high_water_mark: 1"))
    store, dice = FileStore(tmp_path / "other"), random.Random(workers)

    def linger(request: ShardRequest) -> None:
        time.sleep(dice.uniform(0, 0.02))

    root = run_spec(spec, store, Between(instant_executor(store), linger)).merkle_root
    assert root == undisturbed_root(tmp_path / "plain")


def test_a_second_run_computes_nothing(tmp_path: Path) -> None:
    """The same spec again asks no executor at all, and its COMMIT is the first one's."""
    store = FileStore(tmp_path)
    first = run_spec(spec_with(), store, instant_executor(store))
    again = Between(instant_executor(store))
    assert run_spec(spec_with(), store, again) == first
    assert not again.calls


def test_another_tau_recomputes_grouping_and_what_follows(tmp_path: Path) -> None:
    """Nothing before the grouping runs again, nor the training that reads no group (L1)."""
    store = FileStore(tmp_path)
    run_spec(spec_with(), store, instant_executor(store))
    counted = Between(instant_executor(store))
    other = ("segment: {backend: instant}", "segment: {backend: instant}\n      group: {tau: 0.9}")
    run_spec(spec_with(other), store, counted)
    assert counted.computed == {"group": 3, "train": 1, "evaluate": 1}
    assert counted.calls == counted.computed


def test_a_change_that_changes_nothing_stops_there(tmp_path: Path) -> None:
    """Groups that come out the same as before leave training and evaluation as they are."""
    store = FileStore(tmp_path)
    run_spec(spec_with(), store, instant_executor(store))
    counted = Between(instant_executor(store))
    other = ("segment: {backend: instant}", "segment: {backend: instant}\n      group: {tau: 0.64}")
    run_spec(spec_with(other), store, counted)
    assert {stage: count for stage, count in counted.computed.items() if count} == {"group": 3}


def test_chains_that_share_a_beginning_share_its_records(tmp_path: Path) -> None:
    """A second chain that differs in tau alone adds groups, not captions."""
    store, text = FileStore(tmp_path), "  arms:\n    real:"
    twin = """\
    strict:
      dataset: real
      samples: 12
      shard_size: 4
      caption: {backend: instant, expressions_per_prompt: 3}
      generate: {backend: instant, images_per_prompt: 2}
      segment: {backend: instant}
      group: {tau: 0.9}
"""
    counted = Between(instant_executor(store))
    run_spec(spec_with((text, twin + text)), store, counted)
    assert counted.calls == {"caption": 3, "generate": 3, "segment": 3, "group": 6, "train": 2, "evaluate": 2}


def test_a_folder_and_s3_give_the_same_root(tmp_path: Path) -> None:
    """The store is no part of the method; a run on S3 verifies like any other."""
    with local_s3(tmp_path / "s3") as settings:
        store = open_store("s3://synres/runs", settings)
        commit = run_spec(spec_with(), store, instant_executor(store))
        assert verify_run(store, list_runs(store)[0]).sound
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain")


def test_exact_masks_are_for_evaluation_alone(tmp_path: Path) -> None:
    """Without the oracle, segment and group give the same rows, and nothing wants it made again."""
    store = FileStore(tmp_path)
    first = run_spec(spec_with(), store, instant_executor(store, generator=InstantRenderer))
    (run,) = list_runs(store)
    records = status(store, run).records
    oracles = {record.outputs.get("oracle") for record in records.values()} - {None}
    for oracle in oracles:
        store.delete(blob_key(str(oracle)))
    for name, record in records.items():
        if name.startswith(("segment", "group")):
            store.delete(record_key(name.partition("/")[0], record.action))
    again = Between(instant_executor(store, generator=InstantRenderer))
    assert oracles and run_spec(spec_with(), store, again) == first
    computed = {stage: count for stage, count in again.computed.items() if count}
    assert computed == {"segment": 3, "group": 3}


def test_a_finished_run_verifies_and_tells_how_it_stands(tmp_path: Path) -> None:
    """Every record re-links and re-hashes; the store alone tells the status and each node's record."""
    store = FileStore(tmp_path)
    commit = run_spec(spec_with(), store, instant_executor(store))
    (run,) = list_runs(store)
    assert verify_run(store, run).sound
    found = status(store, run)
    assert (found.commit, found.done, found.name) == (commit, found.planned, "instant")
    assert found.records["evaluate/synres/test"].outputs["report"]


def test_a_plan_computes_nothing_and_knows_what_is_there(tmp_path: Path) -> None:
    """Planning a larger run finds the smaller one's records and guesses the rest from their costs."""
    store = FileStore(tmp_path)
    run_spec(spec_with(), store, instant_executor(store))
    asked = Between(instant_executor(store))
    other = ("segment: {backend: instant}", "segment: {backend: instant}\n      group: {tau: 0.9}")
    estimate = plan_spec(spec_with(other), store, asked)
    assert not asked.calls
    assert estimate.cached == {
        "caption": 3,
        "generate": 3,
        "segment": 3,
        "group": 0,
        "train": 1,
        "evaluate": 1,
    }
    assert estimate.cost["seconds"] > 0


def test_runs_with_instant_backends_load_no_model_framework() -> None:
    """What these tests import keeps the coordinator's promise: no torch, and nothing that draws it in."""
    script = "import sys, tests.runs; print(*{'torch', 'diffusers', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()
