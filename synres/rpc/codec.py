"""Domain records <-> protobuf messages, in pairs. `*_to_proto` and `*_from_proto` are inverses."""

from __future__ import annotations

import json
from typing import Any

from synres.data.images import decode_image, encode_png
from synres.domain.choice import BackendChoice, choose
from synres.domain.digests import canonical_json
from synres.domain.masks import decode_mask, encode_mask
from synres.domain.types import ModelInfo, Rle
from synres.errors import InvalidInput, RejectedItem
from synres.ports import JobStatus, Mask, ObjectView, SceneMask, ShardRequest, ShardResult
from synres.rpc.stage.v1 import stage_pb2
from synres.rpc.trainer.v1 import trainer_pb2

MAX_MASK_PIXELS = 1 << 30
"""A byte each when decoded. Run lengths are short, so the size of a message says nothing about it."""
MAX_OPTIONS_BYTES = 1 << 16
_JOB_STATE = {
    "running": trainer_pb2.TRAINING_STATE_RUNNING,
    "succeeded": trainer_pb2.TRAINING_STATE_SUCCEEDED,
    "failed": trainer_pb2.TRAINING_STATE_FAILED,
}
_JOB_STATE_NAME = {state: name for name, state in _JOB_STATE.items()}


def rle_to_proto(rle: Rle) -> stage_pb2.Rle:
    height, width = rle.size
    return stage_pb2.Rle(height=height, width=width, counts=rle.counts)


def rle_from_proto(message: stage_pb2.Rle) -> Rle:
    return Rle((message.height, message.width), message.counts)


def model_to_proto(model: ModelInfo) -> stage_pb2.ModelInfo:
    return stage_pb2.ModelInfo(
        name=model.name, digest=model.digest, licence=model.licence, bitwise=model.bitwise
    )


def model_from_proto(message: stage_pb2.ModelInfo) -> ModelInfo:
    return ModelInfo(message.name, message.digest, message.licence, message.bitwise)


def choice_to_fields(choice: BackendChoice) -> dict[str, Any]:
    """The fields that every request with a backend has."""
    options = canonical_json(dict(choice.options)) if choice.options else b""
    return {"backend": choice.backend, "model": choice.model, "options": options}


def choice_from_proto(message: Any) -> BackendChoice:
    """From a request with these fields; raises InvalidInput for options that are no bounded JSON object."""
    if len(message.options) > MAX_OPTIONS_BYTES:
        raise InvalidInput(f"options of {len(message.options)} bytes; give at most {MAX_OPTIONS_BYTES}")
    try:
        options = json.loads(message.options or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"options are not JSON: {error}") from error
    if not isinstance(options, dict):
        raise InvalidInput(f"options are a JSON {type(options).__name__}; an object is meant")
    return choose(message.backend, message.model, options)


def request_to_proto(request: ShardRequest) -> stage_pb2.ShardRequest:
    return stage_pb2.ShardRequest(
        stage=request.stage,
        action=request.action,
        inputs=request.inputs,
        params=request.params,
    )


def request_from_proto(message: stage_pb2.ShardRequest) -> ShardRequest:
    return ShardRequest(message.stage, message.action, tuple(message.inputs), message.params)


def result_to_proto(result: ShardResult) -> stage_pb2.ShardResult:
    return stage_pb2.ShardResult(
        action=result.action,
        outputs=result.outputs,
        counts=result.counts,
        cost=result.cost,
        cached=result.cached,
        rejections=[stage_pb2.Rejection(item=item, reason=reason) for item, reason in result.rejections],
    )


def result_from_proto(message: stage_pb2.ShardResult) -> ShardResult:
    return ShardResult(
        action=message.action,
        outputs=dict(message.outputs),
        counts=dict(message.counts),
        cost=dict(message.cost),
        cached=message.cached,
        rejections=tuple((rejection.item, rejection.reason) for rejection in message.rejections),
    )


def job_status_to_proto(status: JobStatus) -> trainer_pb2.GetTrainingResponse:
    return trainer_pb2.GetTrainingResponse(
        state=_JOB_STATE[status.state],
        progress=status.progress,
        message=status.message,
        facts=status.facts,
        code=status.code,
    )


def job_status_from_proto(message: trainer_pb2.GetTrainingResponse) -> JobStatus:
    return JobStatus(
        _JOB_STATE_NAME[message.state], message.progress, message.message, dict(message.facts), message.code
    )


def view_to_proto(view: ObjectView) -> stage_pb2.ObjectView:
    """The picture travels as PNG."""
    others = [
        stage_pb2.SceneMask(category=other.category, mask=rle_to_proto(encode_mask(other.mask)))
        for other in view.others
    ]
    return stage_pb2.ObjectView(
        image=encode_png(view.image),
        mask=rle_to_proto(encode_mask(view.mask)),
        category=view.category,
        others=others,
    )


def view_from_proto(message: stage_pb2.ObjectView) -> ObjectView:
    """Raises RejectedItem for what `decode_image` refuses, and for masks of another size than the picture.

    Raises InvalidInput for more masks than `check_mask_pixels` allows.
    """
    image = decode_image(message.image)
    size = (image.shape[0], image.shape[1])
    check_mask_pixels(1 + len(message.others), size)
    others = tuple(SceneMask(other.category, _mask(other.mask, size)) for other in message.others)
    return ObjectView(image, _mask(message.mask, size), message.category, others)


def check_mask_pixels(count: int, size: tuple[int, int]) -> None:
    """Raises InvalidInput for masks of one call that would not fit into memory together."""
    if count * size[0] * size[1] > MAX_MASK_PIXELS:
        raise InvalidInput(
            f"{count} masks of {size[0]} x {size[1]} in one call; send fewer, or a smaller picture"
        )


def _mask(message: stage_pb2.Rle, size: tuple[int, int]) -> Mask:
    rle = rle_from_proto(message)
    if rle.size != size:
        raise RejectedItem("mask_size_mismatch", f"mask is {rle.size}, picture {size} (height, width)")
    return decode_mask(rle)
