"""Decodes, calls, encodes."""

from __future__ import annotations

import grpc

from synres.data.images import decode_image
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.ports import Aligner, Captioner, ShardRequest, ShardResult
from synres.rpc.calls import ModelCalls, check_count, check_of
from synres.rpc.captioner.v1 import captioner_pb2, captioner_pb2_grpc
from synres.rpc.codec import choice_from_proto, model_to_proto, view_from_proto
from synres.stages.align import ALIGN, run_align_shard
from synres.stages.backends import Backends
from synres.stages.caption import CAPTION, run_caption_shard
from synres.stages.params import AlignParams, CaptionParams, decode_params
from synres.stages.shard import Check


class CaptionerServicer(captioner_pb2_grpc.CaptionerServiceServicer):
    def __init__(self, ledger: Ledger, captioners: Backends[Captioner], aligners: Backends[Aligner]) -> None:
        self._ledger = ledger
        self._captioners = captioners
        self._aligners = aligners
        self._calls = ModelCalls("captioner")

    def RunCaptionShard(
        self, request: captioner_pb2.RunCaptionShardRequest, context: grpc.ServicerContext
    ) -> captioner_pb2.RunCaptionShardResponse:
        result = self._calls.run_shard(request.shard, context, self._caption_shard)
        return captioner_pb2.RunCaptionShardResponse(result=result)

    def RunAlignShard(
        self, request: captioner_pb2.RunAlignShardRequest, context: grpc.ServicerContext
    ) -> captioner_pb2.RunAlignShardResponse:
        result = self._calls.run_shard(request.shard, context, self._align_shard)
        return captioner_pb2.RunAlignShardResponse(result=result)

    def Describe(
        self, request: captioner_pb2.DescribeRequest, context: grpc.ServicerContext
    ) -> captioner_pb2.DescribeResponse:
        choice, stage = choice_from_proto(request), request.stage or CAPTION.name
        if stage == CAPTION.name:
            model, version = self._captioners.get(choice).model, CAPTION.version
        elif stage == ALIGN.name:
            model, version = self._aligners.get(choice).model, ALIGN.version
        else:
            raise InvalidInput(f'the captioner knows the stages caption and align, not "{stage}"')
        return captioner_pb2.DescribeResponse(model=model_to_proto(model), stage_version=version)

    def Caption(
        self, request: captioner_pb2.CaptionRequest, context: grpc.ServicerContext
    ) -> captioner_pb2.CaptionResponse:
        view = view_from_proto(request.view)
        captioner, n = self._captioners.get(choice_from_proto(request)), check_count(request.n, "expressions")
        with self._calls.turn(check_of(context)):
            found = captioner.caption(view, n, request.seed)
        return captioner_pb2.CaptionResponse(
            expressions=found.expressions, shortfall=found.shortfall, model=model_to_proto(captioner.model)
        )

    def Score(
        self, request: captioner_pb2.ScoreRequest, context: grpc.ServicerContext
    ) -> captioner_pb2.ScoreResponse:
        check_count(len(request.expressions), "expressions")
        image, aligner = decode_image(request.image), self._aligners.get(choice_from_proto(request))
        with self._calls.turn(check_of(context)):
            scores = aligner.scores(image, list(request.expressions))
        return captioner_pb2.ScoreResponse(scores=scores, model=model_to_proto(aligner.model))

    def _caption_shard(self, request: ShardRequest, check: Check) -> ShardResult:
        choice = decode_params(request.params, CaptionParams).choice
        return run_caption_shard(self._ledger, self._captioners.get(choice), request, check)

    def _align_shard(self, request: ShardRequest, check: Check) -> ShardResult:
        choice = decode_params(request.params, AlignParams).choice
        return run_align_shard(self._ledger, self._aligners.get(choice), request, check)
