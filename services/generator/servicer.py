"""Decodes, calls, encodes."""

from __future__ import annotations

from functools import partial

import grpc

from synres.data.images import encode_png
from synres.errors import InvalidInput, RejectedItem
from synres.ledger.ledger import Ledger
from synres.ports import FILTERED, GeneratorInput, ImageGenerator
from synres.rpc.calls import ModelCalls, check_count, check_of
from synres.rpc.codec import choice_from_proto, model_to_proto, view_from_proto
from synres.rpc.generator.v1 import generator_pb2, generator_pb2_grpc
from synres.stages.backends import Backends
from synres.stages.generate import GENERATE, NO_VIEW, run_generate_shard
from synres.stages.params import GenerateParams, decode_params


class GeneratorServicer(generator_pb2_grpc.GeneratorServiceServicer):
    def __init__(self, ledger: Ledger, backends: Backends[ImageGenerator]) -> None:
        self._ledger = ledger
        self._backends = backends
        self._calls = ModelCalls("generator")

    def RunGenerateShard(
        self, request: generator_pb2.RunGenerateShardRequest, context: grpc.ServicerContext
    ) -> generator_pb2.RunGenerateShardResponse:
        generator = self._backends.get(decode_params(request.shard.params, GenerateParams).choice)
        work = partial(run_generate_shard, self._ledger, generator)
        result = self._calls.run_shard(request.shard, context, work, generator)
        return generator_pb2.RunGenerateShardResponse(result=result)

    def Describe(
        self, request: generator_pb2.DescribeRequest, context: grpc.ServicerContext
    ) -> generator_pb2.DescribeResponse:
        model = self._backends.get(choice_from_proto(request)).model
        return generator_pb2.DescribeResponse(model=model_to_proto(model), stage_version=GENERATE.version)

    def Generate(
        self, request: generator_pb2.GenerateRequest, context: grpc.ServicerContext
    ) -> generator_pb2.GenerateResponse:
        generator = self._backends.get(choice_from_proto(request))
        inputs = _inputs(request, generator)
        with self._calls.turn(check_of(context), generator):
            pictures = generator.generate(inputs, list(request.seeds))
        for refusal in filter(None, (picture.refusal for picture in pictures)):
            raise RejectedItem(FILTERED, refusal)
        images = [encode_png(picture.image) for picture in pictures]
        return generator_pb2.GenerateResponse(images=images, model=model_to_proto(generator.model))


def _inputs(request: generator_pb2.GenerateRequest, generator: ImageGenerator) -> GeneratorInput:
    check_count(len(request.seeds), "seeds")
    if generator.needs_view and not request.HasField("view"):
        raise InvalidInput(f"backend {request.backend} cuts out the source object: send its view")
    view = view_from_proto(request.view) if request.HasField("view") else NO_VIEW
    return GeneratorInput(request.prompt, tuple(request.expressions), view)
