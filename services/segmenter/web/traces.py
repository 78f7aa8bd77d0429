"""A span for each request over HTTP, named as OpenTelemetry's conventions have it."""

from __future__ import annotations

from starlette.middleware.opentelemetry import OpenTelemetryMiddleware
from starlette.types import Receive, Scope, Send


class Traces(OpenTelemetryMiddleware):
    """Without the query: nothing here reads one, and what a caller puts there, a key or an expression, is in
    no trace."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__({**scope, "query_string": b""}, receive, send)
