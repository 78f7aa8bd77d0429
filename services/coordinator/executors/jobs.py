"""Waits for a job behind the JobRunner port as if it were a call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from services.coordinator.executor import Call, NobodyThere, nobody
from synres.errors import CallCancelled, InternalError, ServiceUnavailable, SynresError
from synres.ledger.ledger import Ledger
from synres.ports import JobRunner, JobStatus, ShardRequest, ShardResult
from synres.stages.shard import result_of

_FIRST_POLL_S = 0.05
_LONGEST_POLL_S = 1.0


def run_job(
    jobs: JobRunner, ledger: Ledger, request: ShardRequest, call: Call, patience_s: float = 60.0
) -> ShardResult:
    """Answers from the record, else submits and waits.

    Raises the error class that the job names, or CallCancelled after cancelling it. Whoever tells of the job
    may be away for `patience_s` on end: the job itself may go on. Then, and when it cannot be submitted,
    NobodyThere: no job is to blame.
    """
    found = ledger.find_record(request.stage, request.action)
    if found is not None:
        return result_of(request.action, found, cached=True)
    with _reaching(request.stage):
        jobs.submit(request)
    poll_s, heard_s, status = _FIRST_POLL_S, time.monotonic(), JobStatus("running")
    while True:
        try:
            with _reaching(request.stage):
                status, heard_s = jobs.status(request.action), time.monotonic()
        except NobodyThere:
            if time.monotonic() - heard_s >= patience_s:
                raise
        if status.state != "running":
            return _ended(ledger, request, status)
        call.progress(status)
        _check(jobs, request, call)
        time.sleep(poll_s)
        poll_s = min(_LONGEST_POLL_S, 1.5 * poll_s)


@contextmanager
def _reaching(stage: str) -> Iterator[None]:
    try:
        yield
    except ServiceUnavailable as error:
        raise nobody(stage, error) from error


def _check(jobs: JobRunner, request: ShardRequest, call: Call) -> None:
    try:
        call.check()
    except CallCancelled:
        jobs.cancel(request.action, request.run)
        raise


def _ended(ledger: Ledger, request: ShardRequest, status: JobStatus) -> ShardResult:
    if status.state == "failed":
        raise error_of_code(status.code, status.message)
    record = ledger.find_record(request.stage, request.action)
    if record is None:
        raise InternalError(
            f"the job of {request.stage} {request.action} succeeded and left no record in {ledger.store.url}:"
            " does the trainer keep another store?"
        )
    return result_of(request.action, record, cached=False)


def error_of_code(code: str, message: str) -> SynresError:
    """The error whose class has that stable code; InternalError for a code nobody knows."""
    # a class without a code of its own is told apart by its raiser alone
    kinds = {kind.code: kind for kind in _classes(SynresError) if "code" in vars(kind)}
    return kinds.get(code, InternalError)(message)


def _classes(kind: type[SynresError]) -> Iterator[type[SynresError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _classes(child)
