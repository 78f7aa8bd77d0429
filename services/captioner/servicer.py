"""Decodes, calls, encodes."""

from __future__ import annotations

import grpc

from synres.ledger.ledger import Ledger
from synres.ports import Captioner, ShardRequest, ShardResult
from synres.rpc.calls import ModelCalls, check_count, check_of
from synres.rpc.captioner.v1 import captioner_pb2, captioner_pb2_grpc
from synres.rpc.codec import choice_from_proto, model_to_proto, view_from_proto
from synres.stages.backends import Backends
from synres.stages.caption import CAPTION, run_caption_shard
from synres.stages.params import CaptionParams, decode_params
from synres.stages.shard import Check


class CaptionerServicer(captioner_pb2_grpc.CaptionerServiceServicer):
    def __init__(self, ledger: Ledger, backends: Backends[Captioner]) -> None:
        self._ledger = ledger
        self._backends = backends
        self._calls = ModelCalls("captioner")

    def RunCaptionShard(
        self, request: captioner_pb2.RunCaptionShardRequest, context: grpc.ServicerContext
    ) -> captioner_pb2.RunCaptionShardResponse:
        result = self._calls.run_shard(request.shard, context, self._run)
        return captioner_pb2.RunCaptionShardResponse(result=result)

    def Describe(
        self, request: captioner_pb2.DescribeRequest, context: grpc.ServicerContext
    ) -> captioner_pb2.DescribeResponse:
        model = self._backends.get(choice_from_proto(request)).model
        return captioner_pb2.DescribeResponse(model=model_to_proto(model), stage_version=CAPTION.version)

    def Caption(
        self, request: captioner_pb2.CaptionRequest, context: grpc.ServicerContext
    ) -> captioner_pb2.CaptionResponse:
        view = view_from_proto(request.view)
        captioner, n = self._backends.get(choice_from_proto(request)), check_count(request.n, "expressions")
        with self._calls.turn(check_of(context)):
            expressions = captioner.caption(view, n, request.seed)
        return captioner_pb2.CaptionResponse(expressions=expressions, model=model_to_proto(captioner.model))

    def _run(self, request: ShardRequest, check: Check) -> ShardResult:
        choice = decode_params(request.params, CaptionParams).choice
        return run_caption_shard(self._ledger, self._backends.get(choice), request, check)
