"""What the stage servicers share: the caller's patience, and one call at a time at the models."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import grpc

from synres import telemetry
from synres.errors import CallCancelled, DeadlineExceeded, InvalidInput
from synres.ports import ShardRequest, ShardResult
from synres.rpc.codec import request_from_proto, result_to_proto
from synres.rpc.stage.v1 import stage_pb2
from synres.stages.shard import Check

MAX_PER_CALL = 256
"""Expressions, seeds or masks of one single-item call: more would hold the models too long for the others."""
_POLL_S = 0.1


def check_of(context: grpc.ServicerContext) -> Check:
    """Raises DeadlineExceeded or CallCancelled once the caller of `context` no longer waits."""

    def check() -> None:
        remaining_s = context.time_remaining()
        if remaining_s is not None and remaining_s <= 0:
            raise DeadlineExceeded("the deadline passed while the service worked")
        if not context.is_active():
            raise CallCancelled("the caller went away, or the service was stopped")

    return check


def check_count(count: int, what: str) -> int:
    """`count` itself, if one call may ask for that many; else InvalidInput."""
    if count > MAX_PER_CALL:
        raise InvalidInput(f"{count} {what} in one call; ask for at most {MAX_PER_CALL}")
    return count


class ModelCalls:
    """Calls that work with a service's models, one at a time: shards never overlap, nor share a batch.

    Between two items a shard gives way to online calls, which would else wait for all of it.
    """

    def __init__(self, service: str) -> None:
        self._lock = threading.Lock()
        self._online_waiting = 0
        self._changed = threading.Condition()
        self._wait = telemetry.QUEUE_SECONDS.labels(service)

    @contextmanager
    def turn(self, check: Check, backend: object = None) -> Iterator[None]:
        """Waits for the models while the caller waits too; a `thread_safe` backend takes all at once."""
        if getattr(backend, "thread_safe", False):
            yield
            return
        started_s = time.perf_counter()
        while not self._lock.acquire(timeout=_POLL_S):
            check()
        self._wait.observe(time.perf_counter() - started_s)
        try:
            check()
            yield
        finally:
            self._lock.release()

    @contextmanager
    def online_turn(self, backend: object) -> Iterator[None]:
        """As `turn`, and next after the item at hand of a shard; its wait is observed by who asks."""
        if getattr(backend, "thread_safe", False):
            yield
            return
        with self._changed:
            self._online_waiting += 1
        with self._lock:
            with self._changed:
                self._online_waiting -= 1
                self._changed.notify_all()
            yield

    def giving_way(self, check: Check) -> Check:
        """`check` for a shard that has its turn: online calls that wait have theirs first."""

        def checked() -> None:
            check()
            with self._changed:
                if not self._online_waiting:
                    return
            self._lock.release()
            with self._changed:
                self._changed.wait_for(lambda: not self._online_waiting)
            self._lock.acquire()

        return checked

    def run_shard(
        self,
        message: stage_pb2.ShardRequest,
        context: grpc.ServicerContext,
        work: Callable[[ShardRequest, Check], ShardResult],
        backend: object = None,
    ) -> stage_pb2.ShardResult:
        """`work` is a stage, around `backend`; what became of the shard is logged and counted."""
        request = replace(request_from_proto(message), trace_id=telemetry.trace_id())
        check = check_of(context)
        with telemetry.bound(stage=request.stage, shard=request.action[:12]), self.turn(check, backend):
            is_alone = not getattr(backend, "thread_safe", False)
            result = work(request, self.giving_way(check) if is_alone else check)
            telemetry.count_shard(request.stage, result)
        return result_to_proto(result)
