"""The tensors of the Open Inference Protocol, version 2, that the endpoint takes and gives.

Whatever carries them, REST or gRPC: contents are the protocol's raw bytes, little-endian and row-major, each
element of BYTES after its length as 4 bytes. https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

import json
import math
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.segmenter.answers import MAX_TIMEOUT_S, Caller, SegmentAnswer, SegmentCall
from synres.domain.masks import decode_mask
from synres.domain.types import Rle
from synres.errors import InvalidInput

MAX_DENSE_BYTES = 1 << 25
"""Of the output `masks`, a byte for each pixel; run lengths are a thousandth of it."""
_MAX_ELEMENTS = 1 << 16


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """-1 in `shape` is the number of expressions, or of the picture's pixels."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """`contents`: the raw bytes."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    contents: bytes


INPUTS = (TensorSpec("image", "BYTES", (1,)), TensorSpec("expressions", "BYTES", (-1,)))
"""A picture as its file's bytes, and what to find in it as UTF-8."""
_OUTPUTS: Mapping[TensorSpec, Callable[[SegmentAnswer], NDArray[Any] | list[bytes]]] = {
    TensorSpec("rle", "BYTES", (-1,)): lambda a: [_rle(found.mask) for found in a.masks],
    TensorSpec("scores", "FP32", (-1,)): lambda a: np.array([found.score for found in a.masks], "<f4"),
    TensorSpec("boxes", "INT32", (-1, 4)): lambda a: np.array([found.box for found in a.masks], "<i4"),
    TensorSpec("areas", "INT64", (-1,)): lambda a: np.array([found.area for found in a.masks], "<i8"),
    TensorSpec("no_target", "BOOL", (-1,)): lambda a: np.array([found.no_target for found in a.masks]),
    TensorSpec("merged_rle", "BYTES", (1,)): lambda a: [_rle(a.merged)],
    TensorSpec("masks", "BOOL", (-1, -1, -1)): lambda a: _dense(a),
}
OUTPUTS = tuple(_OUTPUTS)
"""`masks` is (expressions, height, width), and comes only when it is asked for."""
_BY_NAME = {spec.name: spec for spec in OUTPUTS}
_UNASKED = tuple(name for name in _BY_NAME if name != "masks")


def call_of(inputs: Sequence[Tensor], parameters: Mapping[str, Any], caller: Caller) -> SegmentCall:
    """Raises InvalidInput that names the tensor at fault. `timeout` of the parameters is in microseconds."""
    given = {tensor.name: tensor for tensor in inputs}
    unknown = [name for name in given if name not in {spec.name for spec in INPUTS}]
    if unknown:
        raise InvalidInput(f"input {unknown[0]!r} is not known; there is image and expressions")
    (image,), texts = (unpack_bytes(_checked(given.get(spec.name), spec)) for spec in INPUTS)
    try:
        expressions = tuple(text.decode() for text in texts)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"an expression is not UTF-8: {error.reason}") from error
    return SegmentCall(caller, image, expressions, deadline_s=_deadline_s(parameters.get("timeout")))


def check_outputs(wanted: Sequence[str]) -> Sequence[str]:
    """`wanted`, or what comes unasked if it is empty. Raises InvalidInput for a name that is none."""
    for name in wanted:
        if name not in _BY_NAME:
            raise InvalidInput(f"output {name!r} is not known; there is {', '.join(_BY_NAME)}")
    return wanted or _UNASKED


def outputs_of(answer: SegmentAnswer, wanted: Sequence[str]) -> list[Tensor]:
    """Those of `check_outputs`, in order. Raises InvalidInput for masks over MAX_DENSE_BYTES."""
    return [_output(answer, _BY_NAME[name]) for name in check_outputs(wanted)]


def facts_of(answer: SegmentAnswer) -> dict[str, str | int | float]:
    """The parameters of a response: what no tensor holds. Lengths in pixels, times in milliseconds."""
    model = answer.model
    named = {"request_id": answer.request_id, "model": model.name, "model_digest": model.digest}
    size = {"height": answer.height, "width": answer.width}
    return {**named, "licence": model.licence, **size, **asdict(answer.timings)}


def pack_bytes(elements: Iterable[bytes]) -> bytes:
    """The contents of a BYTES tensor."""
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def unpack_bytes(tensor: Tensor) -> list[bytes]:
    """The elements of a BYTES tensor. Raises InvalidInput for contents that do not fit its shape."""
    elements, at, contents = [], 0, tensor.contents
    while at < len(contents) and len(elements) < _MAX_ELEMENTS:
        size = int.from_bytes(contents[at : at + 4], "little")
        if at + 4 + size > len(contents):
            break
        elements.append(contents[at + 4 : at + 4 + size])
        at += 4 + size
    if at != len(contents) or len(elements) != math.prod(tensor.shape):
        raise InvalidInput(
            f"input {tensor.name!r}: its contents do not hold {list(tensor.shape)} elements, each after its "
            "length in 4 bytes"
        )
    return elements


def _checked(tensor: Tensor | None, spec: TensorSpec) -> Tensor:
    if tensor is None:
        raise InvalidInput(f"input {spec.name!r} is missing")
    count = tensor.shape[0] if len(tensor.shape) == 1 else 0
    if (
        tensor.datatype != spec.datatype
        or not 1 <= count <= _MAX_ELEMENTS
        or spec.shape[0] not in {-1, count}
    ):
        raise InvalidInput(
            f"input {spec.name!r} is {tensor.datatype} {list(tensor.shape)}; {spec.datatype} "
            f"{list(spec.shape)} is meant"
        )
    return tensor


def _deadline_s(timeout_us: object) -> float | None:
    if timeout_us is None:
        return None
    if (
        isinstance(timeout_us, bool)
        or not isinstance(timeout_us, int)
        or not 0 < timeout_us <= 1e6 * MAX_TIMEOUT_S
    ):
        raise InvalidInput(
            f"parameter timeout is a whole number of microseconds over 0, at most {MAX_TIMEOUT_S:g} seconds"
        )
    return time.monotonic() + timeout_us / 1e6


def _output(answer: SegmentAnswer, spec: TensorSpec) -> Tensor:
    values = _OUTPUTS[spec](answer)
    if isinstance(values, list):
        return Tensor(spec.name, spec.datatype, (len(values),), pack_bytes(values))
    return Tensor(spec.name, spec.datatype, values.shape, values.tobytes())


def _rle(mask: Rle) -> bytes:
    return json.dumps({"size": mask.size, "counts": mask.counts}, separators=(",", ":")).encode()


def _dense(answer: SegmentAnswer) -> NDArray[np.bool_]:
    size = len(answer.masks) * answer.height * answer.width
    if size > MAX_DENSE_BYTES:
        raise InvalidInput(f"output 'masks' would have {size} bytes of at most {MAX_DENSE_BYTES}; take 'rle'")
    return np.stack([decode_mask(found.mask) for found in answer.masks])
