"""The runs that a coordinator service was asked for. Each request lies in the store until its run is over.

So a service that dies is followed by one that reads the requests and goes on (L6); threads are all it holds.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass

import msgspec
from pydantic import ValidationError

from services.coordinator.datasets import Locate, anywhere
from services.coordinator.events import Event
from services.coordinator.executor import Executor
from services.coordinator.plan import identify
from services.coordinator.run import run_spec
from services.coordinator.watch import Watch, measure
from services.coordinator.worker import code_of
from synres import telemetry
from synres.errors import (
    ArtifactMissing,
    NotFound,
    RunCancelled,
    ServiceUnavailable,
    StoreFull,
    StoreUnavailable,
)
from synres.ledger.keys import run_key
from synres.ports import ArtifactStore
from synres.spec import RunSpec
from synres.typed_json import decode_json

_GRACE_S = 5.0
_ABSENT = (StoreUnavailable, StoreFull, ServiceUnavailable)
"""They come back some day, or an autoscaler brings them back."""
_BEGUN = re.compile(r"runs/([^/]+)/(?:spec|request)\.json")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """`spec` is the whole RunSpec as JSON; `stopped` says why nobody drives it any more, or is empty."""

    spec: str
    stopped: str = ""


class Desk:
    """Takes requests, and drives each run in a thread. Safe to share between threads.

    `locate` says where the files of a spec's datasets lie.
    """

    def __init__(self, store: ArtifactStore, executor: Executor, locate: Locate = anywhere) -> None:
        self.store = store
        self._executor, self._locate = executor, locate
        # held while a request is written: what a driver says at its end must not hide a newer request
        self._lock = threading.Lock()
        self._watches: dict[str, Watch] = {}
        self._others, self._wanted = Counter[str](), set[str]()
        self._closed = False

    def submit(self, spec: RunSpec) -> str:
        """The run's id, at once: its datasets are read in its own thread. An open run is not started twice.

        Raises what is wrong with the spec's backends and with where its files lie.
        """
        run = identify(spec, self._executor, self._locate)
        with self._lock:
            self._put(run, RunRequest(spec.model_dump_json()))
            self._start(run, spec)
        return run

    def resume(self) -> None:
        """Goes on with every request that is not over."""
        for run in self.runs():
            request = self.request(run)
            if request is not None and not request.stopped:
                with self._lock:
                    self._start(run, RunSpec.model_validate_json(request.spec))
            elif request is not None and not request.spec:
                telemetry.log.warning("run not resumed", run=run, message=request.stopped)

    def cancel(self, run: str) -> None:
        """Hands out no more tasks of the run. Raises NotFound if it was not submitted here."""
        request = self.request(run)
        if request is None:
            raise NotFound(f"run {run} was not submitted to this coordinator, or is over")
        with self._lock:
            if request.spec:
                self._put(run, RunRequest(request.spec, "cancelled; submit the spec again to go on"))
            watch = self._watches.get(run)
            if watch is not None:
                watch.again = None
                watch.halt.set()

    def runs(self) -> list[str]:
        """Ids of all runs that were begun or asked for, sorted."""
        matches = (_BEGUN.fullmatch(found.key) for found in self.store.list("runs/"))
        return sorted({match[1] for match in matches if match})

    def request(self, run: str) -> RunRequest | None:
        """What was asked for, until the run is committed; what cannot be read is stopped, and says why."""
        try:
            request = decode_json(self.store.get(_key(run)), RunRequest)
            RunSpec.model_validate_json(request.spec)
        except ArtifactMissing:
            return None
        except ValueError as error:
            why = str(error)
            if isinstance(error, ValidationError):
                first = error.errors()[0]
                why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            return RunRequest("", f"{_key(run)} cannot be read, so submit the spec again: {why}")
        return request

    def watch(self, run: str) -> Watch | None:
        """The run as this process drives it, if it does."""
        return self._watches.get(run)

    def driven(self) -> set[str]:
        """Ids of the runs that this process drives."""
        return set(self._watches)

    def count_others(self, others: Counter[str], wanted: set[str]) -> None:
        """What runs of other processes leave to do, and stages that planners want, for the metric."""
        self._others, self._wanted = others, wanted
        self._measure()

    def close(self) -> None:
        """Stops driving; the requests stay for whoever comes next."""
        with self._lock:
            self._closed = True
            watches = list(self._watches.values())
        for watch in watches:
            watch.halt.set()
        for watch in watches:
            watch.over.wait(_GRACE_S)

    def _start(self, run: str, spec: RunSpec) -> None:
        if self._closed:
            return
        watch = self._watches.get(run)
        if watch is not None:
            watch.again = spec
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
                if watch.again is not None:
                    self._start(run, watch.again)
            self._measure()
            watch.over.set()

    def _is_over(self, run: str, spec: RunSpec, watch: Watch) -> bool:
        """Drives once; False if store or services stayed away so long that even a driver gave up."""
        try:
            self._try(run, spec, watch)
        except _ABSENT as error:
            telemetry.log.warning("run interrupted", code=error.code, message=error.message)
            return watch.halt.is_set()
        return True

    def _try(self, run: str, spec: RunSpec, watch: Watch) -> None:
        def listen(event: Event) -> None:
            watch(event)
            self._measure()

        try:
            commit = run_spec(
                spec, self.store, self._executor, listen, halt=watch.halt, locate=self._locate, promised=run
            )
        except RunCancelled:
            return
        except _ABSENT:
            raise
        except Exception as error:  # noqa: BLE001 of a fault of ours, too, whoever asks must be told
            code = code_of(error)
            telemetry.log.warning("run stopped", code=code, message=str(error))
            self._settle(run, watch, RunRequest(spec.model_dump_json(), f"{code}: {error}"))
        else:
            telemetry.log.info("run committed", merkle_root=commit.merkle_root)
            self._settle(run, watch, None)

    def _settle(self, run: str, watch: Watch, request: RunRequest | None) -> None:
        """Writes the end of the run down, unless somebody asked for it anew, or stopped it, meanwhile."""
        with self._lock:
            if watch.again is not None:
                return
            if request is None:
                self.store.delete(_key(run))
            elif not watch.halt.is_set():
                self._put(run, request)

    def _measure(self) -> None:
        measure(list(self._watches.values()), self._others, self._wanted)

    def _put(self, run: str, request: RunRequest) -> None:
        self.store.put(_key(run), msgspec.json.encode(request))


def _key(run: str) -> str:
    return run_key(run, "request.json")
