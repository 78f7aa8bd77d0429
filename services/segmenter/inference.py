"""The Open Inference Protocol, version 2, over gRPC: what Triton's and KServe's clients speak.

https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import grpc

from services.segmenter.online import Online
from services.segmenter.servicer import caller_of, deadline_of
from services.segmenter.tensors import (
    INPUTS,
    OUTPUTS,
    Tensor,
    TensorSpec,
    call_of,
    check_outputs,
    facts_of,
    outputs_of,
    pack_bytes,
)
from synres.domain.types import ModelInfo
from synres.errors import InvalidInput, NotFound
from synres.rpc.inference.v2 import inference_pb2, inference_pb2_grpc

SERVICE = "inference.GRPCInferenceService"
"""Its name on the wire; in our own package it lives beside a client's stubs in one process."""


class InferenceServicer(inference_pb2_grpc.InferenceServiceServicer):
    """Whoever can reach the service may ask whether it lives and is ready; all else needs a key."""

    def __init__(self, online: Online, version: str) -> None:
        self._online, self._version = online, version

    def ServerLive(
        self, request: inference_pb2.ServerLiveRequest, context: grpc.ServicerContext
    ) -> inference_pb2.ServerLiveResponse:
        return inference_pb2.ServerLiveResponse(live=True)

    def ServerReady(
        self, request: inference_pb2.ServerReadyRequest, context: grpc.ServicerContext
    ) -> inference_pb2.ServerReadyResponse:
        return inference_pb2.ServerReadyResponse(ready=self._online.is_ready())

    def ModelReady(
        self, request: inference_pb2.ModelReadyRequest, context: grpc.ServicerContext
    ) -> inference_pb2.ModelReadyResponse:
        ready = self._online.is_ready()
        if ready:
            self._model(request.name, request.version)
        return inference_pb2.ModelReadyResponse(ready=ready)

    def ServerMetadata(
        self, request: inference_pb2.ServerMetadataRequest, context: grpc.ServicerContext
    ) -> inference_pb2.ServerMetadataResponse:
        caller_of(self._online, context)
        return inference_pb2.ServerMetadataResponse(name="synres", version=self._version)

    def ModelMetadata(
        self, request: inference_pb2.ModelMetadataRequest, context: grpc.ServicerContext
    ) -> inference_pb2.ModelMetadataResponse:
        caller_of(self._online, context)
        model = self._model(request.name, request.version)
        return inference_pb2.ModelMetadataResponse(
            name=self._online.name,
            versions=[version_of(model)],
            platform="synres",
            inputs=[_described(spec) for spec in INPUTS],
            outputs=[_described(spec) for spec in OUTPUTS],
        )

    def ModelInfer(
        self, request: inference_pb2.ModelInferRequest, context: grpc.ServicerContext
    ) -> inference_pb2.ModelInferResponse:
        caller = caller_of(self._online, context)
        self._model(request.model_name, request.model_version)
        wanted = check_outputs([output.name for output in request.outputs])
        call = call_of(list(_tensors(request)), _parameters(request.parameters), caller)
        deadlines = [each for each in (call.deadline_s, deadline_of(context)) if each is not None]
        answer = self._online.segment(
            replace(
                call,
                deadline_s=min(deadlines, default=None),
                request_id=request.id,
                is_abandoned=lambda: not context.is_active(),
            )
        )
        outputs = outputs_of(answer, wanted)
        return inference_pb2.ModelInferResponse(
            model_name=request.model_name,
            model_version=version_of(answer.model),
            id=request.id,
            parameters={name: _parameter(value) for name, value in facts_of(answer).items()},
            outputs=[_output(tensor) for tensor in outputs],
            raw_output_contents=[tensor.contents for tensor in outputs],
        )

    def _model(self, name: str, version: str) -> ModelInfo:
        model = self._online.model()
        if name != self._online.name or version not in {"", version_of(model)}:
            raise NotFound(f"this endpoint serves {self._online.name}, version {version_of(model)}")
        return model


def add_to_server(servicer: InferenceServicer, server: grpc.Server) -> None:
    """Under the protocol's own name."""
    methods = inference_pb2.DESCRIPTOR.services_by_name["InferenceService"].methods
    handlers = {
        method.name: grpc.unary_unary_rpc_method_handler(
            getattr(servicer, method.name),
            getattr(inference_pb2, method.input_type.name).FromString,
            getattr(inference_pb2, method.output_type.name).SerializeToString,
        )
        for method in methods
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def version_of(model: ModelInfo) -> str:
    """The start of its digest."""
    return model.digest[:12]


def _tensors(request: inference_pb2.ModelInferRequest) -> Iterator[Tensor]:
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise InvalidInput(
            f"{len(raw)} raw_input_contents for {len(request.inputs)} inputs; give one for each"
        )
    for index, given in enumerate(request.inputs):
        if "shared_memory_region" in given.parameters:
            raise InvalidInput(f"input {given.name!r}: there is no shared memory here; send its contents")
        contents = raw[index] if raw else pack_bytes(given.contents.bytes_contents)
        yield Tensor(given.name, given.datatype, tuple(given.shape), contents)


def _parameters(given: Any) -> dict[str, Any]:
    chosen: Iterable[tuple[str, Any]] = given.items()
    return {
        name: getattr(value, value.WhichOneof("parameter_choice") or "bool_param") for name, value in chosen
    }


def _parameter(value: str | int | float) -> inference_pb2.InferParameter:
    if isinstance(value, str):
        return inference_pb2.InferParameter(string_param=value)
    if isinstance(value, int):
        return inference_pb2.InferParameter(int64_param=value)
    return inference_pb2.InferParameter(double_param=value)


def _described(spec: TensorSpec) -> inference_pb2.ModelMetadataResponse.TensorMetadata:
    return inference_pb2.ModelMetadataResponse.TensorMetadata(
        name=spec.name, datatype=spec.datatype, shape=spec.shape
    )


def _output(tensor: Tensor) -> inference_pb2.ModelInferResponse.InferOutputTensor:
    return inference_pb2.ModelInferResponse.InferOutputTensor(
        name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
    )
