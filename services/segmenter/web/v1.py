"""/v1: what curl, scripts and the playground call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.segmenter.answers import Caller, SegmentCall
from services.segmenter.online import Online
from services.segmenter.web.forms import SegmentForm, read_image_form, read_segment_form
from services.segmenter.web.shapes import FORMATS, answer_to_json, answer_to_png
from services.segmenter.web.workers import Workers, observed
from synres.data.images import FORMATS as PICTURES


class V1:
    """Its methods are the endpoints."""

    def __init__(self, online: Online, workers: Workers) -> None:
        self._online, self._workers = online, workers

    async def segment(self, request: Request) -> Response:
        """POST /v1/segment."""
        with observed("POST /v1/segment"):
            caller = self._caller(request)
            form = await read_segment_form(request, self._online.limits)
            return await self._workers.run(request, lambda is_gone: self._answer(caller, form, is_gone))

    async def upload(self, request: Request) -> Response:
        """POST /v1/images."""
        with observed("POST /v1/images"):
            caller, image = self._caller(request), await read_image_form(request)
            digest = await self._workers.run(request, lambda _: self._online.upload(caller, image))
            return JSONResponse({"digest": digest}, 201, {"Cache-Control": "no-store"})

    async def limits(self, request: Request) -> Response:
        """GET /v1/limits."""
        told = await self._workers.run(request, lambda _: self._told())
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    def _caller(self, request: Request) -> Caller:
        return self._online.authorise(request.headers.get("authorization", ""))

    def _answer(self, caller: Caller, form: SegmentForm, is_gone: Callable[[], bool]) -> Response:
        deadline_s = None if form.timeout_s is None else time.monotonic() + form.timeout_s
        call = SegmentCall(
            caller, form.image, form.expressions, form.digest, deadline_s=deadline_s, is_abandoned=is_gone
        )
        answer = self._online.segment(call)
        headers = {"X-Request-Id": answer.request_id, "Cache-Control": "no-store"}
        if form.format == "png":
            return Response(answer_to_png(answer), media_type="image/png", headers=headers)
        return JSONResponse(answer_to_json(answer, form.format), headers=headers)

    def _told(self) -> dict[str, Any]:
        model = self._online.model()
        return {
            **asdict(self._online.limits),
            "formats": list(FORMATS),
            "picture_formats": list(PICTURES),
            "needs_key": self._online.needs_key,
            "model": {"name": model.name, "digest": model.digest, "licence": model.licence},
            "version": version("synres"),
        }
