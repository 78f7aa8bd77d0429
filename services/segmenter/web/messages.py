"""The Open Inference Protocol's REST messages: JSON, and raw tensors behind it (binary tensor data).

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.segmenter.answers import SegmentAnswer
from services.segmenter.tensors import Tensor, TensorSpec, facts_of, outputs_of, pack_bytes, unpack_bytes
from synres.errors import InvalidInput
from synres.typed_json import decode_json

HEADER = "Inference-Header-Content-Length"
MAX_JSON_VALUES = 1 << 20
"""Of one output: as text a pixel takes six times the bytes, and all other callers' time."""
_DTYPES: Mapping[str, str] = {"FP32": "<f4", "INT32": "<i4", "INT64": "<i8", "BOOL": "?"}


@dataclass(frozen=True, slots=True)
class GivenTensor:
    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] = field(default_factory=dict)
    data: list[str] | None = None


@dataclass(frozen=True, slots=True)
class AskedOutput:
    name: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InferRequest:
    inputs: list[GivenTensor]
    id: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    outputs: list[AskedOutput] = field(default_factory=list)

    def is_binary(self, name: str) -> bool:
        """Whether the output `name` is wanted behind the JSON."""
        usual = self.parameters.get("binary_data_output", False)
        asked = next((output.parameters for output in self.outputs if output.name == name), {})
        return bool(asked.get("binary_data", usual))


def read_request(body: bytes, header_length: str | None) -> tuple[InferRequest, list[Tensor]]:
    """Raises InvalidInput for what is not a request."""
    end = len(body) if header_length is None else _length(header_length, len(body))
    try:
        request = decode_json(body[:end], InferRequest)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not an inference request: {error}; `data` is a flat list of strings") from error
    rest = iter(_cut(body[end:], request.inputs))
    return request, [_tensor(given, rest) for given in request.inputs]


def write_response(request: InferRequest, answer: SegmentAnswer, name: str) -> tuple[bytes, int | None]:
    """The body, and how much of it is JSON if raw tensors follow."""
    told, behind = [], []
    for tensor in outputs_of(answer, [output.name for output in request.outputs]):
        described: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
        if request.is_binary(tensor.name):
            described["parameters"] = {"binary_data_size": len(tensor.contents)}
            behind.append(tensor.contents)
        else:
            described["data"] = _values(tensor)
        told.append(described)
    model = answer.model
    response = {"model_name": name, "model_version": version_of(model.digest), "outputs": told}
    response["id"] = request.id or answer.request_id
    response["parameters"] = facts_of(answer)
    header = json.dumps(response).encode()
    return b"".join([header, *behind]), len(header) if behind else None


def version_of(digest: str) -> str:
    """Of a model, for paths and messages: the start of its digest."""
    return digest[:12]


def describe(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    """Tensors as a model's metadata lists them."""
    return [{"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)} for spec in specs]


def _length(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise InvalidInput(f"{HEADER} is the bytes of JSON at the start of a body of {most}")
    return int(text)


def _cut(rest: bytes, inputs: list[GivenTensor]) -> Iterator[bytes]:
    at = 0
    for given in inputs:
        if "binary_data_size" in given.parameters:
            size = given.parameters["binary_data_size"]
            if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(rest) - at:
                raise InvalidInput(
                    f"input {given.name!r}: binary_data_size is {size!r} of {len(rest) - at} bytes left"
                )
            yield rest[at : at + size]
            at += size
    if at != len(rest):
        raise InvalidInput(f"{len(rest) - at} bytes behind the tensors belong to none; see binary_data_size")


def _tensor(given: GivenTensor, rest: Iterator[bytes]) -> Tensor:
    if "binary_data_size" in given.parameters:
        return Tensor(given.name, given.datatype, tuple(given.shape), next(rest))
    if given.data is None:
        raise InvalidInput(f"input {given.name!r} has no data")
    elements = [_element(given.name, value) for value in given.data]
    return Tensor(given.name, given.datatype, tuple(given.shape), pack_bytes(elements))


def _element(name: str, value: str) -> bytes:
    """JSON holds text only: the bytes of a picture are written in base64."""
    if name != "image":
        return value.encode()
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"input {name!r}: in JSON a picture is base64 text: {error}") from error


def _values(tensor: Tensor) -> list[Any]:
    if tensor.datatype == "BYTES":
        return [element.decode() for element in unpack_bytes(tensor)]
    values = np.frombuffer(tensor.contents, _DTYPES[tensor.datatype])
    if len(values) > MAX_JSON_VALUES:
        raise InvalidInput(
            f"output {tensor.name!r} has {len(values)} values and JSON holds {MAX_JSON_VALUES}: set its "
            "parameter binary_data, or take 'rle'"
        )
    told: list[Any] = values.tolist()
    return told
