"""The driver's manners: windows, marks, halting."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from services.coordinator.events import Event, RunStarted, TaskDone, TaskStarted, Waiting
from services.coordinator.executor import Call, NobodyThere
from services.coordinator.executors.jobs import error_of_code, run_job
from services.coordinator.run import run_spec
from synres.errors import (
    ArtifactMissing,
    CallCancelled,
    InternalError,
    Overloaded,
    RunCancelled,
    ServiceUnavailable,
    StoreUnavailable,
    TrainingFailed,
)
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.ledger.runs import RunFolder, list_runs
from synres.ports import JobStatus, ShardRequest
from tests.fakes import MemoryStore
from tests.runs import Between, instant_executor, spec_with


def test_a_slow_stage_bounds_what_waits_before_it() -> None:
    """No more shards than the mark ever wait for the slow stage."""
    store, waiting, most = MemoryStore(), Counter[str](), 0
    spec = spec_with(("shard_size: 4", "shard_size: 1"), ("workers: 2", "workers: 4, high_water_mark: 2"))

    def slow(request: ShardRequest) -> None:
        if request.stage == "segment":
            time.sleep(0.02)

    def listen(event: Event) -> None:
        nonlocal most
        if isinstance(event, TaskDone):
            waiting[event.stage] += 1
            most = max(most, waiting["generate"] - waiting["segment"])

    run_spec(spec, store, Between(instant_executor(store), slow), listen)
    assert 1 <= most <= 2


def test_an_overloaded_service_is_sent_less_and_no_attempt_is_counted() -> None:
    """A service that takes one call at a time and says so gets the whole run done."""
    store, told, busy = MemoryStore(), list[Event](), threading.Semaphore(1)

    class OneAtATime(Between):
        def execute(self, request: ShardRequest, call: Call) -> object:  # type: ignore[override]
            if not busy.acquire(blocking=False):
                raise Overloaded("one at a time", retry_after_s=0.01)
            try:
                return super().execute(request, call)
            finally:
                busy.release()

    executor = OneAtATime(instant_executor(store, delay_s=0.005))
    run_spec(spec_with(("workers: 2", "workers: 6")), store, executor, told.append)
    assert any(isinstance(event, Waiting) and event.code == "OVERLOADED" for event in told)
    (run,) = list_runs(store)
    assert not RunFolder(store, run).attempts()


def test_a_halted_run_stops_between_two_items(tmp_path: Path) -> None:
    """Within a moment, not at the end of the shard; what is recorded stays."""
    store, halt, stopped_s = FileStore(tmp_path), threading.Event(), 0.0

    def listen(event: Event) -> None:
        nonlocal stopped_s
        if isinstance(event, TaskStarted) and not halt.is_set():
            halt.set()
            stopped_s = time.monotonic()

    spec = spec_with(("shard_size: 4", "shard_size: 12"))
    with pytest.raises(RunCancelled):
        run_spec(spec, store, instant_executor(store, delay_s=0.3), listen, halt=halt)
    assert time.monotonic() - stopped_s < 2.0


class Refusing(MemoryStore):
    """Is down for keys that hold `word`; says when it was first asked for one."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word, self.asked = word, threading.Event()

    def put_if_absent(self, key: str, data: bytes) -> bool:
        if self.word in key:
            self.asked.set()
            raise StoreUnavailable("the store is down")
        return super().put_if_absent(key, data)


def test_a_run_halts_while_the_store_takes_no_attempt() -> None:
    """Writing an attempt down is patient, but not deaf."""
    store, halt = Refusing("/attempts/"), threading.Event()

    def fail(request: ShardRequest) -> None:
        raise InternalError("the backend broke")

    threading.Thread(target=lambda: store.asked.wait(10) and halt.set()).start()
    started_s = time.monotonic()
    with pytest.raises(RunCancelled):
        run_spec(spec_with(), store, Between(instant_executor(store), fail), halt=halt)
    assert time.monotonic() - started_s < 10


def test_a_store_that_takes_no_lease_does_not_hold_the_run_up() -> None:
    """The lease only saves double work."""
    store = Refusing("lease.json")
    run_spec(spec_with(), store, instant_executor(store))
    assert store.asked.is_set()


def test_events_come_from_one_thread_and_add_up() -> None:
    """Every planned node is done once, and only the caller's thread tells."""
    store, told, threads = MemoryStore(), list[Event](), set[int]()

    def listen(event: Event) -> None:
        told.append(event)
        threads.add(threading.get_ident())

    run_spec(spec_with(), store, instant_executor(store), listen)
    (started,) = [event for event in told if isinstance(event, RunStarted)]
    assert Counter(event.stage for event in told if isinstance(event, TaskDone)) == started.planned
    assert threads == {threading.get_ident()}


TRAINING = ShardRequest("train", "a" * 64, (), b"{}")


class OneJob:
    """Runs until it is cancelled, or fails with a code."""

    def __init__(self, code: str = "") -> None:
        self.code, self.cancelled = code, list[str]()

    def submit(self, request: ShardRequest) -> None:
        """Starts."""

    def status(self, action: str) -> JobStatus:
        if self.code:
            return JobStatus("failed", message="the loss is not finite", code=self.code)
        return JobStatus("running", 0.5, "step 60 of 120")

    def cancel(self, action: str, run: str = "") -> None:
        self.cancelled.append(action)

    def log(self, action: str) -> list[str]:
        return []


def test_a_job_is_waited_for_and_cancelled_when_the_run_stops() -> None:
    """Its progress is told meanwhile."""
    told, jobs = list[JobStatus](), OneJob()

    def check() -> None:
        if len(told) > 2:
            raise CallCancelled("the run stopped")

    with pytest.raises(CallCancelled):
        run_job(jobs, Ledger(MemoryStore()), TRAINING, Call(check, told.append))
    assert told[0].message == "step 60 of 120"
    assert jobs.cancelled == [TRAINING.action]


class Deaf(OneJob):
    """Nobody tells of the job for some polls; then it has failed."""

    def __init__(self, polls: int) -> None:
        super().__init__("TRAINING_FAILED")
        self.polls = polls

    def status(self, action: str) -> JobStatus:
        self.polls -= 1
        if self.polls >= 0:
            raise ServiceUnavailable("the Kubernetes API does not answer")
        return super().status(action)


def test_a_job_outlives_the_silence_of_who_tells_of_it() -> None:
    """One that is away for a while makes no failed training; one that stays away is told."""
    with pytest.raises(TrainingFailed, match="not finite"):
        run_job(Deaf(3), Ledger(MemoryStore()), TRAINING, Call())
    with pytest.raises(NobodyThere):
        run_job(Deaf(3), Ledger(MemoryStore()), TRAINING, Call(), patience_s=0)


class Away(OneJob):
    """Takes no job."""

    def submit(self, request: ShardRequest) -> None:
        raise ServiceUnavailable("the trainer restarts")


def test_a_trainer_that_is_away_is_no_failed_training() -> None:
    """Three restarts of the service would end a run whose job never began; a job that died is an attempt."""
    with pytest.raises(NobodyThere, match="the trainer restarts"):
        run_job(Away(), Ledger(MemoryStore()), TRAINING, Call())
    with pytest.raises(ServiceUnavailable) as caught:
        run_job(OneJob("SERVICE_UNAVAILABLE"), Ledger(MemoryStore()), TRAINING, Call())
    assert type(caught.value) is ServiceUnavailable


def test_a_failed_job_raises_the_class_that_it_names() -> None:
    """By its stable code; a code that nobody knows is a fault of ours."""
    with pytest.raises(TrainingFailed, match="not finite"):
        run_job(OneJob("TRAINING_FAILED"), Ledger(MemoryStore()), TRAINING, Call())
    assert type(error_of_code("ARTIFACT_MISSING", "ab")) is ArtifactMissing
    assert type(error_of_code("SERVICE_UNAVAILABLE", "gone")) is ServiceUnavailable
    assert type(error_of_code("NEVER_HEARD", "?")) is InternalError
