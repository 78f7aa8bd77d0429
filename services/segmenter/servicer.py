"""Decodes, calls, encodes."""

from __future__ import annotations

from functools import partial

import grpc

from synres.data.images import decode_image
from synres.domain.masks import encode_mask
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest, ShardResult
from synres.rpc.calls import ModelCalls, check_count, check_of
from synres.rpc.codec import check_mask_pixels, choice_from_proto, model_to_proto, rle_to_proto
from synres.rpc.segmenter.v1 import segmenter_pb2, segmenter_pb2_grpc
from synres.stages.backends import SegmenterBackends
from synres.stages.params import SegmentParams, decode_params
from synres.stages.segment import SEGMENT, run_segment_shard
from synres.stages.shard import Check


class SegmenterServicer(segmenter_pb2_grpc.SegmenterServiceServicer):
    def __init__(self, ledger: Ledger, backends: SegmenterBackends, calls: ModelCalls) -> None:
        self._ledger, self._backends, self._calls = ledger, backends, calls

    def RunSegmentShard(
        self, request: segmenter_pb2.RunSegmentShardRequest, context: grpc.ServicerContext
    ) -> segmenter_pb2.RunSegmentShardResponse:
        result = self._calls.run_shard(request.shard, context, self._run)
        return segmenter_pb2.RunSegmentShardResponse(result=result)

    def Describe(
        self, request: segmenter_pb2.DescribeRequest, context: grpc.ServicerContext
    ) -> segmenter_pb2.DescribeResponse:
        model = self._backends.get(choice_from_proto(request)).model
        return segmenter_pb2.DescribeResponse(model=model_to_proto(model), stage_version=SEGMENT.version)

    def Segment(
        self, request: segmenter_pb2.SegmentRequest, context: grpc.ServicerContext
    ) -> segmenter_pb2.SegmentResponse:
        check_count(len(request.expressions), "expressions")
        image = decode_image(request.image)
        check_mask_pixels(len(request.expressions), (image.shape[0], image.shape[1]))
        segmenter = self._backends.get_trained(choice_from_proto(request), request.weights)
        with self._calls.turn(check_of(context)):
            guesses = segmenter.segment(image, list(request.expressions))
        masks = [
            segmenter_pb2.ScoredMask(mask=rle_to_proto(encode_mask(guess.mask)), score=guess.score)
            for guess in guesses
        ]
        return segmenter_pb2.SegmentResponse(masks=masks, model=model_to_proto(segmenter.model))

    def _run(self, request: ShardRequest, check: Check) -> ShardResult:
        choice = decode_params(request.params, SegmentParams).choice
        open_segmenter, model = (
            partial(self._backends.get_trained, choice),
            self._backends.get(choice).model,
        )
        return run_segment_shard(self._ledger, open_segmenter, model, request, check)
