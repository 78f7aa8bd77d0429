"""The HTTP face as one ASGI application."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from services.segmenter.online import Online
from services.segmenter.web.bodies import BoundedBodies
from services.segmenter.web.headers import SafeHeaders
from services.segmenter.web.openapi import describe_api
from services.segmenter.web.problems import on_error, on_fault, on_http_error
from services.segmenter.web.traces import Traces
from services.segmenter.web.v1 import V1
from services.segmenter.web.v2 import V2
from services.segmenter.web.workers import Workers
from synres.errors import SynresError

STATIC = Path(__file__).with_name("static")
_BESIDE_PICTURE_BYTES = 1 << 20
_SPARE_THREADS = 8  # to tell callers that there is too much work already


def build_app(online: Online, is_ready: Callable[[], bool]) -> Starlette:
    """Playground, /v1, /v2 and /openapi.json. `is_ready` is False before the warm-up and while draining."""
    settings = online.settings
    workers = Workers(settings.segmenter_max_calls + _SPARE_THREADS)
    # in JSON a picture is base64, a third longer
    max_bytes = online.limits.max_image_bytes * 4 // 3 + _BESIDE_PICTURE_BYTES
    return Starlette(
        routes=[*_pages(online), *_v1(V1(online, workers)), *_v2(V2(online, workers, is_ready))],
        middleware=[
            Middleware(SafeHeaders, is_leaving=lambda: not is_ready()),
            Middleware(Traces),
            # within, so that no fault reaches a trace or the server's log in its own words
            Middleware(ExceptionMiddleware, handlers={Exception: on_fault}),
            Middleware(BoundedBodies, max_bytes=max_bytes, max_s=settings.segmenter_timeout_s),
        ],
        exception_handlers={SynresError: on_error, HTTPException: on_http_error},
    )


def _pages(online: Online) -> list[Route | Mount]:
    described = describe_api(online.limits, online.name)

    async def playground(request: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    async def openapi(request: Request) -> Response:
        return JSONResponse(described)

    return [
        Route("/", playground),
        Route("/openapi.json", openapi),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def _v1(v1: V1) -> list[Route]:
    return [
        Route("/v1/limits", v1.limits),
        Route("/v1/images", v1.upload, methods=["POST"]),
        Route("/v1/segment", v1.segment, methods=["POST"]),
    ]


def _v2(v2: V2) -> list[Route]:
    model, versioned = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
    return [
        Route("/v2", v2.server),
        Route("/v2/health/live", v2.live),
        Route("/v2/health/ready", v2.ready),
        *(Route(path, v2.model) for path in (model, versioned)),
        *(Route(f"{path}/ready", v2.model_ready) for path in (model, versioned)),
        *(Route(f"{path}/infer", v2.infer, methods=["POST"]) for path in (model, versioned)),
    ]
