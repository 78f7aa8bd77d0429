"""Decodes, calls, encodes."""

from __future__ import annotations

import time
from functools import partial

import grpc

from services.segmenter.answers import Caller, FoundMask, SegmentAnswer, SegmentCall
from services.segmenter.online import Online
from synres.errors import RejectedItem, SynresError
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest, ShardResult
from synres.rpc.calls import ModelCalls
from synres.rpc.codec import choice_from_proto, model_to_proto, rle_to_proto
from synres.rpc.interceptor import FOREVER_S
from synres.rpc.segmenter.v1 import segmenter_pb2, segmenter_pb2_grpc
from synres.stages.backends import SegmenterBackends
from synres.stages.params import SegmentParams, decode_params
from synres.stages.segment import SEGMENT, run_segment_shard
from synres.stages.shard import Check

PUBLIC = tuple(
    f"/synres.rpc.segmenter.v1.SegmenterService/{name}"
    for name in ("Describe", "Segment", "BatchSegment", "UploadPicture")
)
"""Methods that ask `Online` who calls."""


class SegmenterServicer(segmenter_pb2_grpc.SegmenterServiceServicer):
    def __init__(
        self, ledger: Ledger, backends: SegmenterBackends, calls: ModelCalls, online: Online
    ) -> None:
        self._ledger, self._backends, self._calls, self._online = ledger, backends, calls, online

    def RunSegmentShard(
        self, request: segmenter_pb2.RunSegmentShardRequest, context: grpc.ServicerContext
    ) -> segmenter_pb2.RunSegmentShardResponse:
        result = self._calls.run_shard(request.shard, context, self._run)
        return segmenter_pb2.RunSegmentShardResponse(result=result)

    def Describe(
        self, request: segmenter_pb2.DescribeRequest, context: grpc.ServicerContext
    ) -> segmenter_pb2.DescribeResponse:
        choice = self._online.chosen(caller_of(self._online, context), choice_from_proto(request))
        limits = self._online.limits
        return segmenter_pb2.DescribeResponse(
            model=model_to_proto(self._online.model(choice)),
            stage_version=SEGMENT.version,
            limits=segmenter_pb2.Limits(
                max_image_bytes=limits.max_image_bytes,
                max_pixels=limits.max_pixels,
                max_expressions=limits.max_expressions,
                max_expression_chars=limits.max_expression_chars,
                max_pictures=limits.max_pictures,
            ),
        )

    def Segment(
        self, request: segmenter_pb2.SegmentRequest, context: grpc.ServicerContext
    ) -> segmenter_pb2.SegmentResponse:
        caller = caller_of(self._online, context)
        return _response(self._online.segment(_call(request, caller, context)))

    def BatchSegment(
        self, request: segmenter_pb2.BatchSegmentRequest, context: grpc.ServicerContext
    ) -> segmenter_pb2.BatchSegmentResponse:
        caller = caller_of(self._online, context)
        calls = [_call(each, caller, context) for each in request.requests]
        outcomes = [_outcome(answer) for answer in self._online.segment_all(calls)]
        return segmenter_pb2.BatchSegmentResponse(outcomes=outcomes)

    def UploadPicture(
        self, request: segmenter_pb2.UploadPictureRequest, context: grpc.ServicerContext
    ) -> segmenter_pb2.UploadPictureResponse:
        digest = self._online.upload(caller_of(self._online, context), request.image)
        return segmenter_pb2.UploadPictureResponse(digest=digest)

    def _run(self, request: ShardRequest, check: Check) -> ShardResult:
        choice = decode_params(request.params, SegmentParams).choice
        open_segmenter, model = (
            partial(self._backends.get_trained, choice),
            self._backends.get(choice).model,
        )
        return run_segment_shard(self._ledger, open_segmenter, model, request, check)


def caller_of(online: Online, context: grpc.ServicerContext) -> Caller:
    """Raises Unauthenticated, or Overloaded past the key's rate."""
    given = (value for key, value in context.invocation_metadata() if key == "authorization")
    return online.authorise(str(next(given, "")))


def deadline_of(context: grpc.ServicerContext) -> float | None:
    """Of `time.monotonic`; None for a call that brings none."""
    remaining_s = context.time_remaining()
    return None if remaining_s is None or remaining_s > FOREVER_S else time.monotonic() + remaining_s


def _call(
    request: segmenter_pb2.SegmentRequest, caller: Caller, context: grpc.ServicerContext
) -> SegmentCall:
    return SegmentCall(
        caller,
        request.image,
        tuple(request.expressions),
        request.image_digest,
        choice_from_proto(request),
        request.weights,
        deadline_of(context),
        request.request_id,
        is_abandoned=lambda: not context.is_active(),
    )


def _outcome(answer: SegmentAnswer | SynresError) -> segmenter_pb2.SegmentOutcome:
    if isinstance(answer, SegmentAnswer):
        return segmenter_pb2.SegmentOutcome(response=_response(answer))
    reason = answer.reason if isinstance(answer, RejectedItem) else ""
    error = segmenter_pb2.SegmentError(code=answer.code, message=answer.message, reason=reason)
    return segmenter_pb2.SegmentOutcome(error=error)


def _response(answer: SegmentAnswer) -> segmenter_pb2.SegmentResponse:
    timings = answer.timings
    return segmenter_pb2.SegmentResponse(
        masks=[_mask(found) for found in answer.masks],
        model=model_to_proto(answer.model),
        merged=rle_to_proto(answer.merged),
        height=answer.height,
        width=answer.width,
        timings=segmenter_pb2.Timings(
            queue_ms=timings.queue_ms,
            preprocess_ms=timings.preprocess_ms,
            model_ms=timings.model_ms,
            postprocess_ms=timings.postprocess_ms,
        ),
        request_id=answer.request_id,
    )


def _mask(found: FoundMask) -> segmenter_pb2.ScoredMask:
    x, y, width, height = found.box
    return segmenter_pb2.ScoredMask(
        mask=rle_to_proto(found.mask),
        score=found.score,
        box=segmenter_pb2.Box(x=x, y=y, width=width, height=height),
        area=found.area,
        no_target=found.no_target,
    )
