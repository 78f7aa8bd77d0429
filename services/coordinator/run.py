"""The coordinator's front: run a spec to its COMMIT, say what it would cost, say how a run stands."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from services.coordinator.datasets import Locate, anywhere
from services.coordinator.driver import Driver
from services.coordinator.engine import Desired, Survey, survey
from services.coordinator.events import DatasetReady, Event, OnEvent, RunCommitted, ignore
from services.coordinator.executor import Executor
from services.coordinator.ingest import INGEST
from services.coordinator.lease import leased
from services.coordinator.news import News
from services.coordinator.observe import done_by_stage, observe, planned_by_stage
from services.coordinator.patience import check_halt, patiently
from services.coordinator.plan import Frozen, freeze_run, licences, open_desired
from services.coordinator.split import QUARANTINED
from synres.domain.types import Rejection
from synres.errors import InvalidInput, StoreError
from synres.ledger.keys import record_key
from synres.ledger.lease import Lease, RunLease
from synres.ledger.ledger import Ledger
from synres.ledger.merkle import merkle_root
from synres.ledger.runs import Commit, RunFolder
from synres.ports import ArtifactStore, ShardResult
from synres.spec import RunSpec
from synres.stages.shard import Check, never_stop

LEASE_TTL_S = 15.0


def run_spec(
    spec: RunSpec, store: ArtifactStore, executor: Executor, on_event: OnEvent = ignore,
    lease_ttl_s: float = LEASE_TTL_S, halt: threading.Event | None = None,
    locate: Locate = anywhere, promised: str = "",
) -> Commit:  # fmt: skip
    """Drives the run of `spec` to its end; what is recorded is not computed again.

    `promised` is the id that `identify` gave before. Raises InvalidInput (spec against datasets or policy, or
    another id), BackendUnavailable, RunStopped (cap reached, too many failures, training failed, `halt` set),
    and StoreError or ServiceError once `patience_s` is over.
    """
    ledger, patience_s, halt = Ledger(store), spec.execution.patience_s, halt or threading.Event()
    news = News()

    def tell(event: Event) -> None:
        news(event)
        on_event(event)

    begin = lambda: freeze(spec, ledger, executor, tell, locate, partial(check_halt, halt))
    frozen = patiently(begin, "the plan", patience_s, tell, halt)
    if promised not in ("", frozen.run):
        raise InvalidInput(f"models or datasets changed since run {promised} was asked for: submit it again")
    with leased(RunLease(store, frozen.run), lease_ttl_s, tell, halt, news.waits_for):
        return drive(frozen, ledger, executor, tell, halt)


def freeze(
    spec: RunSpec, ledger: Ledger, executor: Executor, on_event: OnEvent = ignore,
    locate: Locate = anywhere, check: Check = never_stop,
) -> Frozen:  # fmt: skip
    """Datasets, models and plan of the run, ready to drive; tells of each dataset as it is there."""
    return freeze_run(
        spec,
        ledger,
        executor,
        lambda name, result: on_event(DatasetReady(name, result.counts, result.cached)),
        locate,
        check,
    )


def drive(
    frozen: Frozen, ledger: Ledger, executor: Executor, on_event: OnEvent, halt: threading.Event
) -> Commit:
    """From wherever the run stands to its COMMIT."""
    driver = Driver(frozen, ledger, executor, on_event, halt)
    found = driver.drive()
    commit = _commit(frozen, found, driver.results, dict(driver.tally.spent))
    put = lambda: RunFolder(ledger.store, frozen.run).put_commit(commit)
    commit = patiently(put, "COMMIT", frozen.spec.execution.patience_s, on_event, halt)
    on_event(RunCommitted(frozen.run, commit.merkle_root))
    return commit


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would do: nodes by stage, and costs guessed from records of the same stage, if any.

    `licences` is what COMMIT will say of them.
    """

    run: str
    planned: dict[str, int]
    cached: dict[str, int]
    cost: dict[str, float]
    licences: dict[str, str]


def plan_spec(
    spec: RunSpec, store: ArtifactStore, executor: Executor, on_event: OnEvent = ignore
) -> Estimate:
    """Freezes the run (its datasets are read) and looks what is there; computes nothing."""
    ledger = Ledger(store)
    frozen = freeze(spec, ledger, executor, on_event)
    results = observe(ledger, frozen.desired)
    found = survey(frozen.desired, results)
    planned, cached = planned_by_stage(frozen.desired), done_by_stage(frozen.desired, found)
    guess = _guess(found, results, planned, cached)
    return Estimate(frozen.run, planned, cached, guess, licences(frozen.models))


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How a run stands: nodes by stage, the record of each node that has one, COMMIT when it is over.

    `cost` sums records and attempts. `driver` holds its lease, and `waits_for` is what keeps it, in words:
    both are empty for a run that is over, or that nobody drives. `last_failure` is the last attempt's.
    """

    run: str
    name: str
    planned: dict[str, int]
    done: dict[str, int]
    records: dict[str, ShardResult]
    attempts: int
    quarantined_by_stage: dict[str, int]
    cost: dict[str, float]
    commit: Commit | None
    driver: str = ""
    waits_for: str = ""
    last_failure: str = ""

    @property
    def quarantined(self) -> int:
        return sum(self.quarantined_by_stage.values())


def status(store: ArtifactStore, run: str) -> RunStatus:
    """Reads the store alone. Raises NotFound, or LedgerVersionMismatch for a run of another version."""
    ledger, folder = Ledger(store), RunFolder(store, run)
    name, desired = open_desired(folder)
    results = observe(ledger, desired)
    found = survey(desired, results)
    records = {node: results[action] for node, action in found.actions.items() if action in results}
    attempts = [attempt for failed in folder.attempts().values() for attempt in failed]
    cost: Counter[str] = Counter()
    for spent in (*(result.cost for result in results.values()), *(attempt.cost for attempt in attempts)):
        cost.update(spent)
    poisoned = Counter(poison.stage for poison in folder.quarantined().values())
    planned, done = planned_by_stage(desired), done_by_stage(desired, found)
    commit = folder.commit()
    lease = None if commit else _lease(folder)
    last = max(attempts, key=lambda attempt: attempt.at_s, default=None)
    return RunStatus(
        run, name, planned, done, records, len(attempts), dict(poisoned), dict(cost), commit,
        lease.holder if lease else "", lease.waits_for if lease else "",
        f"{last.stage}, {last.code}: {last.message}" if last else "",
    )  # fmt: skip


def _lease(folder: RunFolder) -> Lease | None:
    with suppress(StoreError):
        # its age is asked of the store by writing there, and whoever asks may only read
        return folder.lease.read()
    return None


def release_item(store: ArtifactStore, run: str, item: str) -> None:
    """Takes an item out of quarantine: the next run of the spec tries it afresh. Raises NotFound."""
    ledger, folder = Ledger(store), RunFolder(store, run)
    _, desired = open_desired(folder)
    results = observe(ledger, desired)
    folder.release(item)
    for action, result in results.items():
        if (item, QUARANTINED) in result.rejections:
            store.delete(record_key(_stage(desired, results, action), action))


def _stage(desired: Desired, results: dict[str, ShardResult], action: str) -> str:
    actions = survey(desired, results).actions
    return next(node.stage for node in desired.nodes if actions.get(node.name) == action)


def _commit(
    frozen: Frozen, found: Survey, results: dict[str, ShardResult], spent: dict[str, float]
) -> Commit:
    stages = {found.actions[node.name]: node.stage for node in frozen.desired.nodes}
    done = {action: results[action] for action in stages}
    for dataset in frozen.datasets.values():
        stages[dataset.request.action] = INGEST.name
        done[dataset.request.action] = dataset.result
    rejections = {Rejection(item, reason) for result in done.values() for item, reason in result.rejections}
    root = merkle_root(((action, result.outputs) for action, result in done.items()), rejections)
    quarantined = tuple(sorted(r for r in rejections if r.reason == QUARANTINED))
    actions = tuple(sorted((stage, action) for action, stage in stages.items()))
    counts = _counts(stages, done) | {"rejections": len(rejections), "quarantined": len(quarantined)}
    return Commit(root, actions, quarantined, counts, spent, licences(frozen.models))


def _counts(stages: dict[str, str], done: dict[str, ShardResult]) -> dict[str, int]:
    """ "caption_out" and so on, over each action once."""
    counts: Counter[str] = Counter()
    for action, stage in stages.items():
        counts[f"{stage}_records"] += 1
        counts.update({f"{stage}_{name}": value for name, value in done[action].counts.items()})
    return dict(counts)


def _guess(
    found: Survey, results: dict[str, ShardResult], planned: dict[str, int], cached: dict[str, int]
) -> dict[str, float]:
    spent: dict[str, Counter[str]] = {}
    for node, action in found.actions.items():
        if action in results:
            spent.setdefault(node.partition("/")[0], Counter()).update(results[action].cost)
    guess: Counter[str] = Counter()
    for stage, cost in spent.items():
        share = (planned[stage] - cached[stage]) / cached[stage]
        guess.update({name: value * share for name, value in cost.items()})
    return dict(guess)
