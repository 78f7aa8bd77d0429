"""The synchronous clients of the stage services. Every error is a class of `synres.errors`.

ServiceUnavailable: down, draining or died under the call. Overloaded: full, come back in `retry_after_s`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synres.data.images import decode_image, encode_png
from synres.domain.choice import BackendChoice
from synres.domain.masks import decode_mask
from synres.domain.types import Expression, GroupedImage, GroupParams, ModelInfo, SegmentedImage
from synres.ports import (
    FoundExpressions,
    GeneratorInput,
    Image,
    ObjectView,
    ScoredMask,
    ShardRequest,
    ShardResult,
)
from synres.rpc.captioner.v1 import captioner_pb2, captioner_pb2_grpc
from synres.rpc.channel import Connection
from synres.rpc.codec import (
    choice_to_fields,
    model_from_proto,
    request_to_proto,
    result_from_proto,
    rle_from_proto,
    view_to_proto,
)
from synres.rpc.generator.v1 import generator_pb2, generator_pb2_grpc
from synres.rpc.group_codec import groups_from_proto, params_to_proto, pseudo_mask_to_proto
from synres.rpc.grouper.v1 import grouper_pb2, grouper_pb2_grpc
from synres.rpc.segmenter.v1 import segmenter_pb2, segmenter_pb2_grpc
from synres.stages.shard import Check


@dataclass(frozen=True, slots=True)
class Described:
    """What a service would compute a shard with: the coordinator plans with it."""

    model: ModelInfo
    stage_version: int


class StageClient(Connection):
    """What all stage services answer. Use the subclass of the stage, or `STAGE_CLIENTS[stage]`."""

    stage_name: str
    messages: Any
    stub_type: Any

    def __init__(self, address: str, token: str | None = None, timeout_s: float = 600.0) -> None:
        super().__init__(address, token, timeout_s)
        self.stub = self.stub_type(self.channel)

    def run_shard(self, request: ShardRequest, check: Check | None = None) -> ShardResult:
        """Computes and records the shard, or answers from its record. Raises ModelMismatch and all others.

        What `check` raises while waiting cancels the call: the service stops after the item at hand.
        """
        message = getattr(self.messages, f"Run{self.stage_name}ShardRequest")(shard=request_to_proto(request))
        method = getattr(self.stub, f"Run{self.stage_name}Shard")
        return result_from_proto(self.call(method, message, check).result)

    def describe(self, choice: BackendChoice) -> Described:
        """Loads the backend if it must. Raises NotFound, InvalidInput or BackendUnavailable."""
        answer = self.call(self.stub.Describe, self.messages.DescribeRequest(**choice_to_fields(choice)))
        return Described(model_from_proto(answer.model), answer.stage_version)


class CaptionerClient(StageClient):
    stage_name, messages, stub_type = "Caption", captioner_pb2, captioner_pb2_grpc.CaptionerServiceStub

    def caption(self, choice: BackendChoice, view: ObjectView, n: int, seed: int) -> FoundExpressions:
        fields = choice_to_fields(choice)
        request = captioner_pb2.CaptionRequest(**fields, view=view_to_proto(view), n=n, seed=seed)
        answer = self.call(self.stub.Caption, request)
        return FoundExpressions(tuple(answer.expressions), answer.shortfall)


class AlignerClient(StageClient):
    """The captioner service, asked for its other stage."""

    stage_name, messages, stub_type = "Align", captioner_pb2, captioner_pb2_grpc.CaptionerServiceStub

    def describe(self, choice: BackendChoice) -> Described:
        """Of the stage "align"."""
        request = captioner_pb2.DescribeRequest(**choice_to_fields(choice), stage="align")
        answer = self.call(self.stub.Describe, request)
        return Described(model_from_proto(answer.model), answer.stage_version)

    def scores(self, choice: BackendChoice, image: Image, expressions: Sequence[Expression]) -> list[float]:
        """One for each expression."""
        request = captioner_pb2.ScoreRequest(
            **choice_to_fields(choice), image=encode_png(image), expressions=expressions
        )
        return list(self.call(self.stub.Score, request).scores)


class GeneratorClient(StageClient):
    stage_name, messages, stub_type = "Generate", generator_pb2, generator_pb2_grpc.GeneratorServiceStub

    def generate(self, choice: BackendChoice, inputs: GeneratorInput, seeds: Sequence[int]) -> list[Image]:
        """One picture for each seed."""
        request = generator_pb2.GenerateRequest(
            **choice_to_fields(choice),
            prompt=inputs.prompt,
            expressions=inputs.expressions,
            seeds=seeds,
            view=view_to_proto(inputs.view),
        )
        return [decode_image(png) for png in self.call(self.stub.Generate, request).images]


class SegmenterClient(StageClient):
    stage_name, messages, stub_type = "Segment", segmenter_pb2, segmenter_pb2_grpc.SegmenterServiceStub

    def segment(
        self, choice: BackendChoice, image: Image, expressions: Sequence[Expression], weights: str = ""
    ) -> list[ScoredMask]:
        """One mask for each expression; `weights` is the digest of trained ones."""
        if not expressions:
            return []
        request = segmenter_pb2.SegmentRequest(
            **choice_to_fields(choice), image=encode_png(image), expressions=expressions, weights=weights
        )
        answer = self.call(self.stub.Segment, request)
        return [ScoredMask(decode_mask(rle_from_proto(found.mask)), found.score) for found in answer.masks]


class GrouperClient(StageClient):
    stage_name, messages, stub_type = "Group", grouper_pb2, grouper_pb2_grpc.GrouperServiceStub

    def group(self, choice: BackendChoice, segmented: SegmentedImage, params: GroupParams) -> GroupedImage:
        request = grouper_pb2.GroupRequest(
            **choice_to_fields(choice),
            pseudo_masks=[pseudo_mask_to_proto(pseudo) for pseudo in segmented.pseudo_masks],
            params=params_to_proto(params),
        )
        return groups_from_proto(self.call(self.stub.Group, request), segmented)


STAGE_CLIENTS: dict[str, type[StageClient]] = {
    "caption": CaptionerClient,
    "generate": GeneratorClient,
    "align": AlignerClient,
    "segment": SegmenterClient,
    "group": GrouperClient,
}
