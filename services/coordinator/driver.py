"""Obeys the engine: hands out what is ready, within windows, marks and caps, until nothing is missing.

It keeps nothing that matters: a driver that dies is followed by one that reads the ledger and goes on (L6).
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from services.coordinator.engine import Survey, Task, survey, unconsumed
from services.coordinator.events import (
    Event,
    ItemQuarantined,
    OnEvent,
    Repairing,
    RunStarted,
    Surveyed,
    TaskDone,
    TaskStarted,
    Waiting,
)
from services.coordinator.executor import Executor, NobodyThere
from services.coordinator.observe import done_by_stage, observe, planned_by_stage
from services.coordinator.patience import Asleep, Patience, check_halt, patiently
from services.coordinator.plan import Frozen
from services.coordinator.policy import Verdict, full_jitter, judge
from services.coordinator.repair import forget_maker
from services.coordinator.room import Room, place_of
from services.coordinator.tally import Tally
from services.coordinator.worker import Ended, Worker, code_of
from synres.errors import Overloaded, TooManyFailures, TrainingFailed
from synres.ledger.ledger import Ledger
from synres.ledger.runs import RunFolder
from synres.ports import ShardResult

T = TypeVar("T")
_POLL_S = 0.1
_PLANNING_SHARE = 20
"""A survey may take one part in so many of the time."""
_MOST_THREADS = 4096
"""They are made as they are needed: the room for tasks bounds them, and replicas bound the room."""


class Driver:
    """One coordinator at work on one run. `drive` may be called once."""

    def __init__(
        self, frozen: Frozen, ledger: Ledger, executor: Executor, on_event: OnEvent, halt: threading.Event
    ) -> None:
        self.frozen, self.ledger, self._halt = frozen, ledger, halt
        self.folder = RunFolder(ledger.store, frozen.run)
        self.results: dict[str, ShardResult] = {}
        self._execution, self._executor = frozen.spec.execution, executor
        self._on_event = on_event
        self._inbox: queue.SimpleQueue[Ended | Event] = queue.SimpleQueue()
        self.tally = self._patiently(lambda: Tally(self.folder))
        self._worker = Worker(ledger, self.folder, executor, self.tally, self._execution, self._inbox.put)
        self._room = Room(self._execution)
        self._in_flight: dict[str, Task] = {}
        self._not_before: dict[str, float] = {}
        self._tries: Counter[str] = Counter()
        self._repairs: Counter[str] = Counter()
        self._quarantined: set[str] = set()
        self._patience = Patience(self._execution.patience_s)
        self._asleep = Asleep(self._execution.patience_s, on_event)
        self._dice = random.Random()
        self._found = Survey([], {}, {}, 1)
        self._ready: list[Task] = []
        self._unconsumed: Counter[tuple[str, str]] = Counter()
        self._changed, self._survey_at_s = True, 0.0

    def drive(self) -> Survey:
        """Returns once every record of the run is there. Raises RunStopped, or what else ends the run.

        Whoever sets `halt` gets RunCancelled within a moment.
        """
        self._start()
        with ThreadPoolExecutor(_MOST_THREADS, "task") as pool:
            try:
                while self._work(pool):
                    # what counts is what lies in the ledger, not what services answered
                    self.results, self._changed = self._observed(), True
            finally:
                self._worker.stopping.set()
        return self._found

    def _work(self, pool: ThreadPoolExecutor) -> bool:
        """Until nothing is missing; True if something was."""
        worked = False
        while not self._survey().complete:
            worked = True
            check_halt(self._halt)
            self._hand_out(pool)
            self._listen()
        return worked

    def _start(self) -> None:
        self.results = self._observed()
        for result in self.results.values():
            self.tally.add_cost(result.cost)
        self._quarantined = set(self._patiently(self.folder.quarantined))
        self._check_failures()
        found = survey(self.frozen.desired, self.results)
        cached = done_by_stage(self.frozen.desired, found)
        self._on_event(RunStarted(self.frozen.run, planned_by_stage(self.frozen.desired), cached))

    def _observed(self) -> dict[str, ShardResult]:
        return self._patiently(lambda: observe(self.ledger, self.frozen.desired))

    def _survey(self) -> Survey:
        """Surveys when something changed, but not so often that surveying is what the driver mostly does."""
        started_s = time.monotonic()
        if self._changed and (started_s >= self._survey_at_s or not self._ready):
            self._found = survey(self.frozen.desired, self.results)
            self._unconsumed = unconsumed(self.frozen.desired, self._found)
            self._ready = [task for task in self._found.tasks if task.action not in self._in_flight]
            self._changed = False
            self._on_event(Surveyed(done_by_stage(self.frozen.desired, self._found)))
            now_s = time.monotonic()
            self._survey_at_s = now_s + _PLANNING_SHARE * (now_s - started_s)
        return self._found

    def _hand_out(self, pool: ThreadPoolExecutor) -> None:
        now_s, kept, replicas = time.monotonic(), [], self._executor.replicas()
        shut: set[tuple[str, str]] = set()
        self._room.fit(replicas)
        for task in self._ready:
            if self._may_start(task, now_s, shut):
                self.tally.check(self._execution.caps)
                self._in_flight[task.action] = task
                self._room.take(task)
                self._on_event(TaskStarted(task.node.stage, task.node.name, task.action))
                pool.submit(self._worker.run, task)
            else:
                kept.append(task)
        self._ready = kept
        self._asleep.look({task.node.stage for task in kept}, replicas, bool(self._in_flight))

    def _may_start(self, task: Task, now_s: float, shut: set[tuple[str, str]]) -> bool:
        """`shut` gets the places that have no room: thousands may wait for the same."""
        place = place_of(task)
        if place in shut or now_s < self._not_before.get(task.action, 0.0):
            return False
        if self._room.admits(task, self._unconsumed[place], now_s):
            return True
        shut.add(place)
        return False

    def _listen(self) -> None:
        """Waits for news, then takes all there is."""
        timeout_s = _POLL_S
        if self._changed:
            timeout_s = min(_POLL_S, max(0.0, self._survey_at_s - time.monotonic()))
        try:
            news = self._inbox.get(timeout=timeout_s)
            while True:
                self._take(news)
                news = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _take(self, news: Ended | Event) -> None:
        if not isinstance(news, Ended):
            self._on_event(news)
            if isinstance(news, ItemQuarantined):
                self._quarantined.add(news.action)
                self._check_failures()
            return
        task = self._in_flight.pop(news.task.action)
        self._room.leave(task)
        self._changed = True
        if isinstance(news.outcome, BaseException):
            self._fail(task, news.outcome, news.seconds)
        else:
            self._succeed(task, news.outcome)

    def _succeed(self, task: Task, result: ShardResult) -> None:
        self._patience.reset()
        self._room.window(task.node.stage).grow()
        self.results[task.action] = result
        self._unconsumed[place_of(task)] += 1
        self.tally.add_cost(result.cost)
        node = task.node
        self._on_event(
            TaskDone(node.stage, node.name, task.action, result.counts, result.cost, result.cached)
        )

    def _fail(self, task: Task, error: BaseException, seconds: float) -> None:
        verdict = judge(error)
        if verdict is Verdict.STOP:
            raise error
        if isinstance(error, NobodyThere) and self._room.scales(task.node.stage):
            # its replica went away: another may be there already, and the room shrinks by itself
            self._on_event(Waiting(task.node.name, error.code, error.message))
            self._not_before[task.action] = time.monotonic() + full_jitter(0, self._dice)
            return
        tries = self._tries[task.action]
        self._tries[task.action] += 1
        delay_s = full_jitter(tries, self._dice)
        if verdict is Verdict.REPAIR:
            self._repair(task, error)
        elif verdict is Verdict.CROWDED or verdict is Verdict.WAIT or isinstance(error, NobodyThere):
            delay_s = self._wait(task, error, delay_s)
        else:
            self._count(task, error, seconds)
            if verdict is Verdict.DIED:
                self._worker.suspects.add(task.node.stage)
                if not self._room.scales(task.node.stage):
                    # where there are replicas, one less is less room already
                    self._room.window(task.node.stage).shrink(time.monotonic() + delay_s)
        self._not_before[task.action] = time.monotonic() + delay_s

    def _wait(self, task: Task, error: BaseException, delay_s: float) -> float:
        if isinstance(error, Overloaded):
            delay_s += error.retry_after_s
        else:
            self._patience.check(error)
        self._room.window(task.node.stage).shrink(time.monotonic() + delay_s)
        self._on_event(Waiting(task.node.name, code_of(error), str(error)))
        return delay_s

    def _count(self, task: Task, error: BaseException, seconds: float) -> None:
        attempts = self._worker.count(task, task.action, error, seconds, self._halt)
        if attempts >= self._execution.max_attempts and not self._worker.must_split(task):
            raise TrainingFailed(
                f"{task.node.name} failed {attempts} times, at last with {code_of(error)}: {error}"
            )

    def _repair(self, task: Task, error: BaseException) -> None:
        missing, maker = self._patiently(
            lambda: forget_maker(self.ledger, self.frozen, self.results, task, error)
        )
        self._repairs[missing] += 1
        if self._repairs[missing] > self._execution.max_attempts:
            raise error
        if maker is not None:
            self.results.pop(maker, None)
        self._on_event(Repairing(task.node.name, missing))

    def _check_failures(self) -> None:
        share = len(self._quarantined) / max(1, self.frozen.samples)
        if share > self._execution.max_failed_fraction:
            raise TooManyFailures(
                f"{len(self._quarantined)} items in quarantine, {share:.1%} of {self.frozen.samples} samples:"
                f" execution.max_failed_fraction allows {self._execution.max_failed_fraction:.1%}"
            )

    def _patiently(self, work: Callable[[], T]) -> T:
        return patiently(work, "the store", self._execution.patience_s, self._on_event, self._halt)
