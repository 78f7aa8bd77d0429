"""What a worker thread does with a task: one call, or, after too many failures, the shard item by item."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from services.coordinator.engine import Task
from services.coordinator.events import Event, ItemQuarantined, TaskFailed, TaskProgress, Waiting
from services.coordinator.executor import Call, Executor, NobodyThere
from services.coordinator.patience import Patience, patiently, pause
from services.coordinator.policy import Verdict, full_jitter, judge
from services.coordinator.split import ITEM_OF, QUARANTINED, Part, assemble, item_requests
from services.coordinator.tally import Tally
from synres import telemetry
from synres.errors import CallCancelled, Overloaded, SynresError
from synres.ledger.ledger import Ledger
from synres.ledger.runs import Quarantined, RunFolder
from synres.ports import ShardRequest, ShardResult
from synres.spec import Execution


@dataclass(frozen=True, slots=True)
class Ended:
    """A task came back: with a result, or with what went wrong after `seconds`."""

    task: Task
    outcome: ShardResult | BaseException
    seconds: float


Tell: TypeAlias = Callable[[Event | Ended], None]


class Worker:
    """Shared by all threads of a driver. `suspects` are stages whose service died and was not seen since."""

    def __init__(
        self,
        ledger: Ledger,
        folder: RunFolder,
        executor: Executor,
        tally: Tally,
        execution: Execution,
        tell: Tell,
    ) -> None:
        self.stopping = threading.Event()
        self.suspects: set[str] = set()
        self._ledger, self._folder, self._executor = ledger, folder, executor
        self._tally, self._execution, self._tell = tally, execution, tell

    def run(self, task: Task) -> None:
        """Never raises: whatever happens is told."""
        started_s = time.monotonic()
        try:
            outcome: ShardResult | BaseException = self._compute(task)
        except BaseException as error:  # noqa: BLE001 the driver judges every failure, a backend's own too
            outcome = error
        self._tell(Ended(task, outcome, time.monotonic() - started_s))

    def must_split(self, task: Task) -> bool:
        """True once the shard as a whole has used up its attempts."""
        return (
            task.node.stage in ITEM_OF and self._tally.attempts(task.action) >= self._execution.max_attempts
        )

    def _compute(self, task: Task) -> ShardResult:
        if self.must_split(task):
            parts = [self._compute_item(task, *item) for item in item_requests(self._ledger, task)]
            return assemble(self._ledger, task, parts)
        request = ShardRequest(task.node.stage, task.action, task.inputs, task.node.params.encode())
        return self._execute(task, replace(request, run=self._folder.run))

    def _execute(self, task: Task, request: ShardRequest) -> ShardResult:
        stage = task.node.stage
        if stage in self.suspects:
            if not self._executor.is_ready(stage):
                raise NobodyThere(f"the service of {stage} does not answer; it is asked again")
            self.suspects.discard(stage)
        return self._executor.execute(
            request, Call(self._check, lambda s: self._tell(TaskProgress(stage, task.node.name, s)))
        )

    def _check(self) -> None:
        if self.stopping.is_set():
            raise CallCancelled("the run stopped")

    def _compute_item(self, task: Task, item: str, request: ShardRequest) -> Part:
        patience, dice, tries = Patience(self._execution.patience_s), random.Random(), 0
        while self._tally.attempts(request.action) < self._execution.max_attempts:
            started_s = time.monotonic()
            try:
                return Part(item, self._execute(task, request))
            except Exception as error:  # noqa: BLE001 as above: any failure of an item is judged
                self._weigh_item(task, request, error, time.monotonic() - started_s, patience)
                delay_s = full_jitter(tries, dice)
                pause(
                    max(delay_s, error.retry_after_s) if isinstance(error, Overloaded) else delay_s,
                    self.stopping,
                )
                tries += 1
        self._quarantine(task, item, request)
        return Part(item, None)

    def _weigh_item(
        self, task: Task, request: ShardRequest, error: Exception, seconds: float, patience: Patience
    ) -> None:
        """Counts an attempt, or returns to wait; raises what ends the shard's own call."""
        self._check()
        verdict = judge(error)
        if verdict in (Verdict.STOP, Verdict.REPAIR):
            raise error
        if verdict in (Verdict.WAIT, Verdict.CROWDED) or isinstance(error, NobodyThere):
            patience.check(error)
            self._tell(Waiting(task.node.name, code_of(error), str(error)))
            return
        if verdict is Verdict.DIED:
            self.suspects.add(task.node.stage)
        self.count(task, request.action, error, seconds, self.stopping)

    def count(
        self, task: Task, action: str, error: BaseException, seconds: float, halt: threading.Event
    ) -> int:
        """Writes an attempt down, however long the store makes it wait; returns how many there are."""
        write = lambda: self._tally.add_attempt(task.node.stage, action, error, seconds)
        attempt = patiently(write, "attempts", self._execution.patience_s, self._tell, halt)
        self._tell(TaskFailed(task.node.stage, task.node.name, code_of(error), str(error), attempt))
        return attempt

    def _quarantine(self, task: Task, item: str, request: ShardRequest) -> None:
        last = self._folder.attempts()[request.action][-1]
        retry = f"synres quarantine retry {self._folder.run} {item}, then run the spec again"
        poison = Quarantined(item, QUARANTINED, task.node.stage, request.action, last.message, retry)
        self._folder.put_quarantined(poison)
        telemetry.ARTIFACTS.labels(task.node.stage, QUARANTINED).inc()
        self._tell(ItemQuarantined(task.node.stage, task.node.name, request.action, item, last.message))


def code_of(error: BaseException) -> str:
    """The stable code of our own errors, the class name of others."""
    return error.code if isinstance(error, SynresError) else type(error).__name__
