"""Every error as one JSON shape, {code, message}, with the HTTP status that belongs to it."""

from __future__ import annotations

import math
import traceback

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from synres import telemetry
from synres.errors import InternalError, InvalidInput, NotFound, Overloaded, RejectedItem, SynresError
from synres.rpc.status import HTTP, code_of

_TOO_LARGE = frozenset({"image_too_many_bytes", "image_too_many_pixels"})


class BadRequest(InvalidInput):
    """What only HTTP can get wrong; `status` is 4xx."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def status_of(error: SynresError) -> int:
    """4xx or 5xx."""
    if isinstance(error, BadRequest):
        return error.status
    if isinstance(error, RejectedItem) and error.reason in _TOO_LARGE:
        return 413
    return HTTP.get(code_of(error), 500)


def problem(error: SynresError) -> Response:
    """`error` repeats the message: clients of the Open Inference Protocol look for it there."""
    told = {"code": error.code, "message": error.message, "error": error.message}
    if isinstance(error, RejectedItem):
        told["reason"] = error.reason
    status, headers = status_of(error), {"Cache-Control": "no-store"}
    if isinstance(error, Overloaded):
        # whole seconds, and never 0: the header knows no other
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="synres"'
    if status in {408, 413, 431}:
        # the rest of the body may still be on its way, and nobody will read it
        headers["Connection"] = "close"
    return JSONResponse(told, status, headers)


async def on_error(request: Request, error: Exception) -> Response:
    """For what our code raises."""
    assert isinstance(error, SynresError)  # noqa: S101 - registered for this class
    # overloads are counted alone: to refuse must be cheap
    if not isinstance(error, Overloaded):
        told = {"method": _method(request), "code": error.code, "status": status_of(error)}
        telemetry.log.info("call refused", **told)
    return problem(error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """For what Starlette raises: no such path, another method, a broken form."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    if error.status_code == 404:
        return problem(NotFound("there is nothing at this path; /openapi.json lists what there is"))
    told = problem(BadRequest(error.status_code, f"{error.detail}; /openapi.json says what is taken"))
    told.headers.update(error.headers or {})
    return told


async def on_fault(request: Request, error: Exception) -> Response:
    """For a fault of ours: the caller learns nothing of our insides, and the log nothing of what the caller
    said, which the exception may repeat."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    telemetry.log.error("call failed", method=_method(request), kind=type(error).__name__, frames=frames)
    return problem(InternalError("a fault of the service; its log holds the traceback"))


def _method(request: Request) -> str:
    """As our routes have it: a path may hold what a caller wrote."""
    return str(getattr(request.scope.get("route"), "path", ""))
