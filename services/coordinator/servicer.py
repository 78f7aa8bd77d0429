"""Decodes, calls, encodes. What a run has done lies in the store; what it does now, at the desk."""

from __future__ import annotations

import bisect
from collections import Counter

import grpc

from services.coordinator.desk import Desk, RunRequest
from services.coordinator.run import RunStatus, status
from services.coordinator.watch import Watch
from synres.errors import InvalidInput, NotFound, SynresError
from synres.rpc.coordinator.v1 import coordinator_pb2, coordinator_pb2_grpc
from synres.spec_yaml import parse_spec

_PAGE, _LARGEST_PAGE = 100, 1000


class CoordinatorServicer(coordinator_pb2_grpc.CoordinatorServiceServicer):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def SubmitRun(
        self, request: coordinator_pb2.SubmitRunRequest, context: grpc.ServicerContext
    ) -> coordinator_pb2.SubmitRunResponse:
        return coordinator_pb2.SubmitRunResponse(run=self._desk.submit(parse_spec(request.spec)))

    def GetRun(
        self, request: coordinator_pb2.GetRunRequest, context: grpc.ServicerContext
    ) -> coordinator_pb2.GetRunResponse:
        return coordinator_pb2.GetRunResponse(run=self._describe(request.run))

    def ListRuns(
        self, request: coordinator_pb2.ListRunsRequest, context: grpc.ServicerContext
    ) -> coordinator_pb2.ListRunsResponse:
        if request.page_size > _LARGEST_PAGE:
            raise InvalidInput(f"page_size {request.page_size} is too large; at most {_LARGEST_PAGE}")
        runs, size = self._desk.runs(), request.page_size or _PAGE
        first = bisect.bisect_right(runs, request.page_token) if request.page_token else 0
        page = runs[first : first + size]
        token = page[-1] if first + size < len(runs) else ""
        return coordinator_pb2.ListRunsResponse(
            runs=[self._describe_or_say(run) for run in page], next_page_token=token
        )

    def CancelRun(
        self, request: coordinator_pb2.CancelRunRequest, context: grpc.ServicerContext
    ) -> coordinator_pb2.CancelRunResponse:
        self._desk.cancel(request.run)
        return coordinator_pb2.CancelRunResponse()

    def _status(self, run: str, request: RunRequest | None) -> RunStatus | None:
        """None for a run that was asked for and has no plan yet."""
        try:
            return status(self._desk.store, run)
        except NotFound:
            if request is None:
                raise
            return None

    def _describe_or_say(self, run: str) -> coordinator_pb2.Run:
        try:
            return self._describe(run)
        except SynresError as error:
            return coordinator_pb2.Run(run=run, message=error.message)

    def _describe(self, run: str) -> coordinator_pb2.Run:
        watch, request = self._desk.watch(run), self._desk.request(run)
        found = self._status(run, request)
        state, message = _state(found, watch, request)
        if found is None:
            return coordinator_pb2.Run(run=run, state=state, message=message)
        root = found.commit.merkle_root if found.commit else ""
        return coordinator_pb2.Run(
            run=run,
            state=state,
            stages=_stages(found, watch),
            merkle_root=root,
            message=message,
            cost=found.cost,
        )


def _state(
    found: RunStatus | None, watch: Watch | None, request: RunRequest | None
) -> tuple[coordinator_pb2.RunState, str]:
    """What is to be said of it: what keeps it while it runs, why it stopped."""
    if found and found.commit:
        return coordinator_pb2.RUN_STATE_COMMITTED, ""
    if watch is not None or (request is not None and not request.stopped):
        waits_for = watch.news.waits_for() if watch else ""
        return coordinator_pb2.RUN_STATE_RUNNING, waits_for or (
            "" if found else "its datasets are being read"
        )
    if request is None and found and found.driver:
        return coordinator_pb2.RUN_STATE_RUNNING, found.waits_for or f"driven by {found.driver}"
    return coordinator_pb2.RUN_STATE_STOPPED, request.stopped if request else "not driven by this coordinator"


def _stages(found: RunStatus, watch: Watch | None) -> list[coordinator_pb2.StageProgress]:
    in_flight = Counter(watch.in_flight.values()) if watch else Counter[str]()
    cached = watch.cached if watch else {}
    return [
        coordinator_pb2.StageProgress(
            stage=stage, planned=planned, done=found.done[stage], cached=cached.get(stage, 0),
            in_flight=in_flight[stage], quarantined=found.quarantined_by_stage.get(stage, 0),
        )
        for stage, planned in found.planned.items()
    ]  # fmt: skip
