"""Tasks that fail: retries, quarantine, limits, versions."""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.coordinator.events import Event, ItemQuarantined, Repairing
from services.coordinator.executor import Call
from services.coordinator.run import release_item, run_spec, status
from synres.domain.choice import BackendChoice
from synres.domain.types import ModelInfo
from synres.errors import (
    BackendUnavailable,
    CostCapReached,
    InternalError,
    ModelMismatch,
    TooManyFailures,
    TrainingFailed,
)
from synres.ledger.file_store import FileStore
from synres.ledger.keys import blob_key, record_key
from synres.ledger.ledger import Ledger
from synres.ledger.links import artifact_refs
from synres.ledger.runs import RunFolder, list_runs
from synres.ports import ShardRequest, ShardResult
from tests.instant import InstantCaptioner
from tests.runs import Before, Between, instant_executor, spec_with, undisturbed_root


def dice_fail(share: float, seed: int) -> Before:
    """Fails that share of all calls."""
    dice = random.Random(seed)

    def fail(request: ShardRequest) -> None:
        if dice.random() < share:
            raise InternalError("the dice say so")

    return fail


def poison(ledger: Ledger, stage: str, place: int = 5) -> tuple[Before, list[str]]:
    """Kills whoever touches the row that the stage's calls showed as number `place`; its text is kept."""
    seen: list[str] = []

    def kill(request: ShardRequest) -> None:
        if request.stage == stage:
            rows = ledger.get_blob(request.inputs[0]).decode().splitlines()
            if len(rows) > 1 and not seen:
                seen.append(rows[min(place, len(rows) - 1)])
            if seen and seen[0] in rows:
                raise InternalError("it killed the worker")

    return kill, seen


def test_calls_that_fail_at_random_change_nothing(tmp_path: Path) -> None:
    """A third of all calls fails; shards are retried and split, and the root is that of a quiet run."""
    store = FileStore(tmp_path / "shaken")
    spec = spec_with(("patience_s: 30", "max_attempts: 6"))
    commit = run_spec(spec, store, Between(instant_executor(store), dice_fail(0.3, 1)))
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain")


def test_a_shard_that_fails_as_a_whole_is_assembled_from_its_items(tmp_path: Path) -> None:
    """A service that never answers for a whole shard, only for single rows, still gives the same root."""
    store = FileStore(tmp_path / "split")
    ledger = Ledger(store)

    def refuse_many(request: ShardRequest) -> None:
        many = request.stage == "segment" and len(ledger.get_blob(request.inputs[0]).splitlines()) > 1
        if many:
            raise InternalError("out of memory")

    commit = run_spec(spec_with(), store, Between(instant_executor(store), refuse_many))
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain")


def _counted(stage: str) -> float:
    """As the metric has it, by which people are woken."""
    labels = {"stage": stage, "outcome": "quarantined"}
    return REGISTRY.get_sample_value("synres_artifacts_total", labels) or 0.0


@pytest.mark.parametrize("stage", ["caption", "generate", "segment", "group"])
def test_only_the_killer_is_quarantined(tmp_path: Path, stage: str) -> None:
    """The rest of its shard goes on; released and harmless, it leaves the root of a quiet run (L7)."""
    store, told = FileStore(tmp_path / "poisoned"), list[Event]()
    kill, seen = poison(Ledger(store), stage)
    spec = spec_with(("patience_s: 30", "max_failed_fraction: 0.1"))
    counted = _counted(stage)
    commit = run_spec(spec, store, Between(instant_executor(store), kill), told.append)
    assert _counted(stage) == counted + 1
    (poisoned,) = [event for event in told if isinstance(event, ItemQuarantined)]
    assert [r.item for r in commit.quarantined] == [poisoned.item]
    assert poisoned.item in seen[0] or stage == "caption"
    (run,) = list_runs(store)
    release_item(store, run, poisoned.item)
    again = Between(instant_executor(store))
    assert run_spec(spec, store, again).merkle_root == undisturbed_root(tmp_path / "plain")
    assert not RunFolder(store, run).quarantined()


def test_a_shard_of_which_nothing_is_left_counts_as_one(tmp_path: Path) -> None:
    """Its record says none out of so many, as that of a stage would, and the run goes on without it."""
    store = FileStore(tmp_path)
    victim: list[str] = []

    def kill(request: ShardRequest) -> None:
        if request.stage == "group":
            row = Ledger(store).get_blob(request.inputs[0]).decode().splitlines()[0]
            sample = json.loads(row)["synth"]["sample_item"]
            victim[:] = victim or [sample]
            if sample == victim[0]:
                raise InternalError("it killed the worker")

    spec = spec_with(("shard_size: 4", "shard_size: 1"), ("patience_s: 30", "max_failed_fraction: 1"))
    commit = run_spec(spec, store, Between(instant_executor(store), kill))
    (run,) = list_runs(store)
    counts = [found.counts for node, found in status(store, run).records.items() if node.startswith("group/")]
    assert {"in": 2, "out": 0, "triplets": 0} in counts
    assert {tuple(sorted(found)) for found in counts} == {("in", "out", "triplets")}
    assert commit.counts["quarantined"] == 2


def test_too_many_poisoned_items_end_the_run(tmp_path: Path) -> None:
    """Past `max_failed_fraction` the run stops, says the share, and stays stopped when it is run again."""
    store = FileStore(tmp_path)
    kill, _ = poison(Ledger(store), "caption")
    spec = spec_with(("patience_s: 30", "max_failed_fraction: 0.01"))
    for _ in range(2):
        with pytest.raises(TooManyFailures, match=r"1 items in quarantine, 8\.3% of 12 samples"):
            run_spec(spec, store, Between(instant_executor(store), kill))


def test_a_training_that_fails_again_and_again_ends_the_run(tmp_path: Path) -> None:
    """A training cannot be split: after its attempts the run says which one failed, and with what."""
    store = FileStore(tmp_path)

    def fail(request: ShardRequest) -> None:
        if request.stage == "train":
            raise TrainingFailed("loss is not finite")

    with pytest.raises(
        TrainingFailed, match="train/real failed 3 times, at last with TRAINING_FAILED: loss is not"
    ):
        run_spec(spec_with(), store, Between(instant_executor(store), fail))


def test_a_missing_backend_ends_the_run_at_once(tmp_path: Path) -> None:
    """What no retry can mend is not retried."""
    store = FileStore(tmp_path)

    def fail(request: ShardRequest) -> None:
        raise BackendUnavailable("weights are missing")

    counted = Between(instant_executor(store), fail)
    with pytest.raises(BackendUnavailable):
        run_spec(spec_with(("workers: 2", "workers: 1")), store, counted)
    assert counted.calls.total() == 1


def test_a_cost_cap_holds_across_a_restart(tmp_path: Path) -> None:
    """What is spent is summed from records, so a second driver stops at once; a higher cap goes on (L8)."""
    store = FileStore(tmp_path / "capped")
    capped = spec_with(("patience_s: 30", "caps: {max_images: 8}"))
    with pytest.raises(CostCapReached, match="8 images are spent and the cap is 8"):
        run_spec(capped, store, instant_executor(store))
    counted = Between(instant_executor(store))
    with pytest.raises(CostCapReached):
        run_spec(capped, store, counted)
    assert not counted.calls
    assert run_spec(spec_with(), store, instant_executor(store)).merkle_root == undisturbed_root(
        tmp_path / "plain"
    )


def test_gpu_seconds_are_those_of_backends_on_a_gpu(tmp_path: Path) -> None:
    """A captioner that says it runs on one is billed for its calls, and the cap ends the run."""

    class OnGpu(InstantCaptioner):
        device = "cuda:0"

    store = FileStore(tmp_path / "capped")
    executor = instant_executor(store, delay_s=0.01, captioner=OnGpu)
    with pytest.raises(CostCapReached, match=r"gpu_seconds are spent and the cap is 0\.05"):
        run_spec(spec_with(("patience_s: 30", "caps: {max_gpu_seconds: 0.05}")), store, executor)
    commit = run_spec(spec_with(), store, executor)
    assert 12 * 0.01 <= commit.cost["gpu_seconds"] < commit.cost["seconds"]
    plain = FileStore(tmp_path / "plain")
    assert run_spec(spec_with(), plain, instant_executor(plain)).cost["gpu_seconds"] == 0


def test_wall_seconds_pass_from_the_first_plan_on(tmp_path: Path) -> None:
    """A driver that died and came back has not gained any; nothing more is computed."""
    store = FileStore(tmp_path)

    def die(request: ShardRequest) -> None:
        if request.stage == "segment":
            raise BackendUnavailable("the driver dies")

    capped = spec_with(("patience_s: 30", "caps: {max_wall_seconds: 30}"))
    with pytest.raises(BackendUnavailable):
        run_spec(capped, store, Between(instant_executor(store), die))
    (run,) = list_runs(store)
    plan = tmp_path / "runs" / run / "plan.json"
    os.utime(plan, (time.time() - 31, time.time() - 31))
    counted = Between(instant_executor(store))
    with pytest.raises(CostCapReached, match=r"3\d\.?\d* wall_seconds are spent and the cap is 30"):
        run_spec(capped, store, counted)
    assert not counted.calls


def test_failed_attempts_count_against_the_caps(tmp_path: Path) -> None:
    """Seconds that failures took are spent too, and are written down with them."""
    store = FileStore(tmp_path)
    kill, _ = poison(Ledger(store), "caption")
    commit = run_spec(
        spec_with(("patience_s: 30", "max_failed_fraction: 1")), store, Between(instant_executor(store), kill)
    )
    (run,) = list_runs(store)
    attempts = [attempt for failed in RunFolder(store, run).attempts().values() for attempt in failed]
    assert len(attempts) == 6
    assert all(attempt.code == "INTERNAL" and attempt.cost["seconds"] >= 0 for attempt in attempts)
    assert commit.cost["seconds"] > sum(attempt.cost["seconds"] for attempt in attempts)


class Liar(Between):
    """Answers its second segment call with what it answered to the first."""

    first: ShardResult | None = None

    def execute(self, request: ShardRequest, call: Call) -> ShardResult:
        result = super().execute(request, call)
        if request.stage != "segment":
            return result
        self.first = self.first or result
        return replace(result, outputs=self.first.outputs) if self.calls["segment"] == 2 else result


def test_a_service_that_lies_about_its_output_is_found_out(tmp_path: Path) -> None:
    """The ledger's record is the truth, whatever the answer said; what followed from it is left aside."""
    store = FileStore(tmp_path / "lied")
    liar = Liar(instant_executor(store))
    commit = run_spec(spec_with(("workers: 2", "workers: 1")), store, liar)
    assert liar.calls["group"] == 3 and liar.computed["train"] == 3
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain")


class OneName:
    """Old and new pods behind one name: the calls of a stage meet either in turn, the new one first."""

    def __init__(self, old: Between, new: Between) -> None:
        self._old, self._turns = old, defaultdict(lambda: itertools.cycle((new, old)))

    def model(self, stage: str, choice: BackendChoice) -> ModelInfo:
        return self._old.model(stage, choice)

    def execute(self, request: ShardRequest, call: Call) -> ShardResult:
        return next(self._turns[request.stage]).execute(request, call)

    def is_ready(self, stage: str) -> bool:
        return True

    def replicas(self) -> dict[str, int]:
        return {}


def test_old_and_new_models_behind_one_name_never_mix(tmp_path: Path) -> None:
    """The new model refuses what was planned for the old one, and writes nothing; the run ends well (L5)."""
    store = FileStore(tmp_path / "mixed")
    old, new = (Between(instant_executor(store, version=version)) for version in (1, 2))
    commit = run_spec(spec_with(), store, OneName(old, new))
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain")
    assert new.calls["caption"] and not new.computed["caption"]


def test_a_model_that_changed_for_good_ends_the_run(tmp_path: Path) -> None:
    """When nobody has the planned model any more, the run waits for its patience and says so."""
    store = FileStore(tmp_path)
    new = Between(instant_executor(store, version=2))
    old = Between(instant_executor(store), new.before)

    class Changed(OneName):
        def execute(self, request: ShardRequest, call: Call) -> ShardResult:
            return new.execute(request, call)

    with pytest.raises(ModelMismatch, match="plan the run again"):
        run_spec(spec_with(("patience_s: 30", "patience_s: 0.3")), store, Changed(old, new))


@pytest.mark.parametrize(
    ("holder", "output", "forgotten", "is_inside"),
    [
        ("segment/main/00001", "rows", "group/main/00001", False),
        ("train/real", "weights", "train/synres", False),
        ("generate/main/00001", "rows", "segment/main/00001", True),
        ("caption/main/00001", "rows", "caption/main/00001", True),
    ],
    ids=["an output", "weights", "a synthetic picture", "a real picture"],
)
def test_a_lost_blob_is_made_again(
    tmp_path: Path, holder: str, output: str, forgotten: str, is_inside: bool
) -> None:
    """A blob that is gone comes back when something needs it, and the root stays (L2)."""
    store, told = FileStore(tmp_path), list[Event]()
    root = run_spec(spec_with(), store, instant_executor(store)).merkle_root
    (run,) = list_runs(store)
    records = status(store, run).records
    lost = records[holder].outputs[output]
    if is_inside:
        lost = next(
            r.digest for r in artifact_refs(Ledger(store).get_blob(lost)) if r.media_type == "image/png"
        )
    store.delete(blob_key(lost))
    store.delete(record_key(forgotten.partition("/")[0], records[forgotten].action))
    assert run_spec(spec_with(), store, instant_executor(store), told.append).merkle_root == root
    assert Ledger(store).has_blob(lost)
    assert any(isinstance(event, Repairing) for event in told) == is_inside
