"""What every stage does around its own work: know the action, answer from the record, compute, commit.

Servicers call this behind gRPC and the embedded executor in process: the same code makes the same digests.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from synres.domain.types import ModelInfo, Rejection
from synres.errors import InvalidInput, ModelMismatch, RejectedItem
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action, Body, Meta, Record
from synres.ports import ShardRequest, ShardResult

Row = TypeVar("Row")
Out = TypeVar("Out")
_LIBRARIES = ("numpy", "PIL", "torch", "diffusers")
"""Where records of one action differ although they should not, the versions of these tell why."""
Check = Callable[[], None]
"""Called between items; raises DeadlineExceeded or CallCancelled when the caller no longer waits."""


@dataclass(frozen=True, slots=True)
class StageCode:
    """A stage and the version of its code: a change of its output for equal input is a new version.

    A request with fewer than `min_inputs` inputs is refused.
    """

    name: str
    version: int
    min_inputs: int = 1


@dataclass(slots=True)
class Computed:
    """What the stage's own work produced: output name -> digest, and what was turned away."""

    outputs: dict[str, str] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def busy(self, backend: object) -> Iterator[None]:
        """Around a backend's call: adds its seconds to "gpu_seconds" if the backend's `device` is a GPU.

        A call ends when its answer is in the host's memory, so the device is idle by then.
        """
        started_s = time.perf_counter()
        try:
            yield
        finally:
            if str(getattr(backend, "device", "")).startswith("cuda"):
                spent_s = self.cost.get("gpu_seconds", 0.0)
                self.cost["gpu_seconds"] = spent_s + time.perf_counter() - started_s


def never_stop() -> None:
    """The check of a caller that always waits."""


def action_of(stage: StageCode, model: ModelInfo, request: ShardRequest) -> Action:
    """The action as this process would name it (L5); raises ModelMismatch when the caller means another.

    Raises InvalidInput for a request of another stage, or with too few inputs.
    """
    if request.stage != stage.name:
        raise InvalidInput(f"this is the stage {stage.name}: send {request.stage!r} to its own service")
    if len(request.inputs) < stage.min_inputs:
        raise InvalidInput(
            f"a shard of {stage.name} needs {stage.min_inputs} inputs or more, not {len(request.inputs)}"
        )
    action = Action(stage.name, stage.version, model.digest, request.params.decode(), request.inputs)
    if action.digest() != request.action:
        raise ModelMismatch(
            f"action {request.action[:12]} was planned for another model or version than"
            f" {model.name} {model.digest[:12]} with {stage.name} version {stage.version}; plan the run again"
        )
    return action


def run_shard(
    ledger: Ledger, stage: StageCode, model: ModelInfo, request: ShardRequest, work: Callable[[], Computed]
) -> ShardResult:
    """Answers from the visible record, else computes and commits one (L2, L4, L5)."""
    action = action_of(stage, model, request)
    found = ledger.find_record(stage.name, request.action)
    if found is not None:
        return result_of(request.action, found, cached=True)
    started_s, wall_s, cpu_s = time.time(), time.perf_counter(), time.thread_time()
    computed = work()
    cost = {
        "seconds": time.perf_counter() - wall_s,
        "cpu_seconds": time.thread_time() - cpu_s,
        "gpu_seconds": 0.0,
        **computed.cost,
    }
    body = Body(action, computed.outputs, tuple(sorted(computed.rejections)), computed.counts)
    meta = Meta(cost, started_s, socket.gethostname(), request.trace_id, _versions(), computed.messages)
    record = Record(body, meta)
    winner = ledger.commit_record(record)
    return result_of(request.action, winner, cached=winner is not record)


def _versions() -> dict[str, str]:
    loaded = {name: sys.modules[name] for name in _LIBRARIES if name in sys.modules}
    return {name: str(module.__version__) for name, module in loaded.items()}


def map_rows(rows: Iterable[Row], work: Callable[[Row], Iterable[Out]], item_of: Callable[[Row], str],
             check: Check, computed: Computed) -> list[Out]:  # fmt: skip
    """Applies `work` to each row in order; bad data becomes a rejection and the good rows go on (L7)."""
    outputs: list[Out] = []
    for row in rows:
        check()
        try:
            outputs.extend(work(row))
        except RejectedItem as rejected:
            item = item_of(row)
            computed.rejections.append(Rejection(item, rejected.reason))
            computed.messages[item] = rejected.message
    return outputs


def result_of(action: str, record: Record, cached: bool) -> ShardResult:
    """A record as the answer to a stage call."""
    body = record.body
    rejections = tuple((r.item, r.reason) for r in body.rejections)
    return ShardResult(action, body.outputs, body.counts, record.meta.cost, cached, rejections)
