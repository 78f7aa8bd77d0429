"""The runs that a coordinator service was asked for. Each request lies in the store until its run is over.

So a service that dies is followed by one that reads the requests and goes on (L6); threads are all it holds.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import msgspec

from services.coordinator.events import Event, RunStarted, TaskDone, TaskFailed, TaskStarted, Waiting
from services.coordinator.executor import Executor
from services.coordinator.run import freeze, run_spec
from services.coordinator.worker import code_of
from synres import telemetry
from synres.errors import ArtifactMissing, NotFound, RunCancelled, StoreFull, StoreUnavailable
from synres.ledger.keys import run_key
from synres.ledger.ledger import Ledger
from synres.ledger.runs import list_runs
from synres.ports import ArtifactStore
from synres.spec import RunSpec

_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class RunRequest:
    """`spec` is the whole RunSpec as JSON; `stopped` says why nobody drives it any more, or is empty."""

    spec: str
    stopped: str = ""


@dataclass(slots=True)
class Watch:
    """What the events of a run add up to, for those who ask and for the metrics."""

    halt: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    planned: dict[str, int] = field(default_factory=dict)
    cached: dict[str, int] = field(default_factory=dict)
    in_flight: dict[str, str] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.planned, self.cached, self.done = event.planned, event.cached, dict(event.cached)
        elif isinstance(event, TaskStarted):
            self.in_flight[event.node] = event.stage
        elif isinstance(event, TaskDone):
            self.done[event.stage] = self.done.get(event.stage, 0) + 1
            self.in_flight.pop(event.node, None)
        elif isinstance(event, TaskFailed):
            self.in_flight.pop(event.node, None)
        elif isinstance(event, Waiting):
            self.in_flight.pop(event.what, None)
        for stage, planned in self.planned.items():
            telemetry.STAGE_BACKLOG.labels(stage).set(planned - self.done.get(stage, 0))


class Desk:
    """Takes requests, and drives each run in a thread. Safe to share between threads."""

    def __init__(self, store: ArtifactStore, executor: Executor) -> None:
        self.store = store
        self._executor = executor
        self._lock = threading.Lock()
        self._watches: dict[str, Watch] = {}
        self._closed = False

    def submit(self, spec: RunSpec) -> str:
        """The run's id, once its datasets and plan are in the store; an open run is not started twice."""
        frozen = freeze(spec, Ledger(self.store), self._executor)
        self._put(frozen.run, RunRequest(spec.model_dump_json()))
        self._start(frozen.run, spec)
        return frozen.run

    def resume(self) -> None:
        """Goes on with every request that is not over."""
        for run in list_runs(self.store):
            self._resume(run)

    def cancel(self, run: str) -> None:
        """Hands out no more tasks of the run. Raises NotFound if it was not submitted here."""
        request = self.request(run)
        if request is None:
            raise NotFound(f"run {run} was not submitted to this coordinator, or is over")
        self._put(run, RunRequest(request.spec, "cancelled; submit the spec again to go on"))
        watch = self.watch(run)
        if watch is not None:
            watch.halt.set()

    def request(self, run: str) -> RunRequest | None:
        """What was asked for, until the run is committed."""
        try:
            return msgspec.json.decode(self.store.get(_key(run)), type=RunRequest)
        except ArtifactMissing:
            return None

    def watch(self, run: str) -> Watch | None:
        """The run as this process drives it, if it does."""
        with self._lock:
            return self._watches.get(run)

    def close(self) -> None:
        """Stops driving; the requests stay for whoever comes next."""
        with self._lock:
            self._closed = True
            watches = list(self._watches.values())
        for watch in watches:
            watch.halt.set()
        for watch in watches:
            watch.over.wait(_GRACE_S)

    def _resume(self, run: str) -> None:
        request = self.request(run)
        if request is not None and not request.stopped:
            self._start(run, RunSpec.model_validate_json(request.spec))

    def _start(self, run: str, spec: RunSpec) -> None:
        with self._lock:
            if self._closed or run in self._watches:
                return
            watch = self._watches[run] = Watch()
        threading.Thread(target=self._drive, args=(run, spec, watch), name=run, daemon=True).start()

    def _drive(self, run: str, spec: RunSpec, watch: Watch) -> None:
        try:
            with telemetry.bound(run=run):
                while not self._is_over(run, spec, watch):
                    watch.halt.wait(_GRACE_S)
        finally:
            with self._lock:
                del self._watches[run]
            watch.over.set()
        if watch.halt.is_set():
            # it may have been asked for again while it stopped
            self._resume(run)

    def _is_over(self, run: str, spec: RunSpec, watch: Watch) -> bool:
        """Drives once; False if the store stayed away so long that even a driver gave up."""
        try:
            self._try(run, spec, watch)
        except (StoreUnavailable, StoreFull) as error:
            telemetry.log.warning("run interrupted", code=error.code, message=error.message)
            return watch.halt.is_set()
        return True

    def _try(self, run: str, spec: RunSpec, watch: Watch) -> None:
        try:
            commit = run_spec(spec, self.store, self._executor, watch, halt=watch.halt)
        except RunCancelled:
            return
        except (StoreUnavailable, StoreFull):
            raise
        except Exception as error:  # noqa: BLE001 of a fault of ours, too, whoever asks must be told
            code = code_of(error)
            telemetry.log.warning("run stopped", code=code, message=str(error))
            self._put(run, RunRequest(spec.model_dump_json(), f"{code}: {error}"))
        else:
            telemetry.log.info("run committed", merkle_root=commit.merkle_root)
            self.store.delete(_key(run))

    def _put(self, run: str, request: RunRequest) -> None:
        self.store.put(_key(run), msgspec.json.encode(request))


def _key(run: str) -> str:
    return run_key(run, "request.json")
