"""/v2: the Open Inference Protocol, for clients of Triton and KServe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.segmenter.answers import Caller
from services.segmenter.online import Online
from services.segmenter.tensors import INPUTS, OUTPUTS, call_of, check_outputs
from services.segmenter.web import messages
from services.segmenter.web.problems import BadRequest
from services.segmenter.web.workers import Workers, observed
from synres.domain.types import ModelInfo
from synres.errors import NotFound, ServiceUnavailable


class V2:
    """Its methods are the endpoints. The one model is named as its backend."""

    def __init__(self, online: Online, workers: Workers, is_ready: Callable[[], bool]) -> None:
        self._online, self._workers, self._is_ready = online, workers, is_ready

    async def server(self, request: Request) -> Response:
        """GET /v2."""
        self._caller(request)
        return JSONResponse(
            {"name": "synres", "version": version("synres"), "extensions": ["binary_tensor_data"]}
        )

    async def live(self, request: Request) -> Response:
        """GET /v2/health/live."""
        return JSONResponse({"live": True})

    async def ready(self, request: Request) -> Response:
        """GET /v2/health/ready: 503 before the warm-up and while draining."""
        if not self._is_ready():
            raise ServiceUnavailable("the service is starting or going down")
        return JSONResponse({"ready": True})

    async def model_ready(self, request: Request) -> Response:
        """GET /v2/models/{model}/ready."""
        self._check_name(request)
        told = await self.ready(request)
        await self._workers.run(request, lambda _: self._model(request))
        return told

    async def model(self, request: Request) -> Response:
        """GET /v2/models/{model}."""
        self._caller(request)
        name = self._check_name(request)
        model = await self._workers.run(request, lambda _: self._model(request))
        told = {"name": name, "versions": [messages.version_of(model.digest)], "platform": "synres"}
        told |= {"inputs": messages.describe(INPUTS), "outputs": messages.describe(OUTPUTS)}
        limits = {key: str(value) for key, value in asdict(self._online.limits).items()}
        return JSONResponse({**told, "parameters": {**limits, "model": model.name, "licence": model.licence}})

    async def infer(self, request: Request) -> Response:
        """POST /v2/models/{model}/infer."""
        with observed("POST /v2/infer"):
            caller = self._caller(request)
            name = self._check_name(request)
            if request.headers.get("content-encoding", "identity") != "identity":
                raise BadRequest(415, "send the body as it is, without Content-Encoding")
            header_length, body = request.headers.get(messages.HEADER), await request.body()

            def work(is_gone: Callable[[], bool]) -> Response:
                self._model(request)
                asked, tensors = messages.read_request(body, header_length)
                check_outputs([output.name for output in asked.outputs])
                call = call_of(tensors, asked.parameters, caller)
                answer = self._online.segment(replace(call, is_abandoned=is_gone))
                content, json_bytes = messages.write_response(asked, answer, name)
                return _response(content, json_bytes)

            return await self._workers.run(request, work)

    def _caller(self, request: Request) -> Caller:
        return self._online.authorise(request.headers.get("authorization", ""))

    def _check_name(self, request: Request) -> str:
        served = self._online.name
        if request.path_params["model"] != served:
            raise NotFound(f"this endpoint serves the model {served!r} and no other")
        return served

    def _model(self, request: Request) -> ModelInfo:
        """In a thread: who asks before the model is there loads it."""
        model, wanted = self._online.model(), request.path_params.get("version")
        if wanted and wanted != messages.version_of(model.digest):
            raise NotFound(
                f"model {self._online.name!r} has no version {wanted[:40]!r}; leave the version out"
            )
        return model


def _response(content: bytes, json_bytes: int | None) -> Response:
    if json_bytes is None:
        return Response(content, media_type="application/json")
    return Response(
        content, media_type="application/octet-stream", headers={messages.HEADER: str(json_bytes)}
    )
