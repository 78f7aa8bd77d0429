"""Bodies held to a size and a time while they come in, before anything of them is read."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.segmenter.web.connections import MAX_HEAD_BYTES, TOO_LARGE_HEAD
from services.segmenter.web.problems import BadRequest, problem

_LINGER_S = 5.0


class BoundedBodies:
    """ASGI middleware: 413 for a body over `max_bytes`, 408 for one that is not there in `max_s` seconds; 431
    for a head over MAX_HEAD_BYTES that came in one piece, which the server does not measure."""

    def __init__(self, app: ASGIApp, max_bytes: int, max_s: float) -> None:
        self._app, self._max_bytes, self._max_s = app, max_bytes, max_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if len(scope["raw_path"]) + sum(len(name) + len(value) for name, value in scope["headers"]) > (
            MAX_HEAD_BYTES
        ):
            await problem(BadRequest(431, TOO_LARGE_HEAD))(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if int(headers.get(b"content-length", b"0")) <= self._max_bytes:
            await self._app(scope, self._bounded(receive), send)
            return
        if b"expect" not in headers:
            await self._discard(receive)
        await problem(self._too_large())(scope, receive, send)

    def _bounded(self, receive: Receive) -> Receive:
        came, ends_s, is_whole = 0, time.monotonic() + self._max_s, False

        async def bounded() -> Message:
            nonlocal came, is_whole
            if is_whole:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), ends_s - time.monotonic())
            except TimeoutError as error:
                raise BadRequest(408, f"the request did not arrive within {self._max_s:g} s") from error
            came += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if came > self._max_bytes:
                await self._discard(receive)
                raise self._too_large()
            return message

        return bounded

    async def _discard(self, receive: Receive) -> None:
        """Twice as much again: who is cut off while sending may never see the answer."""
        left, more = 2 * self._max_bytes, True
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while more and left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    more = message.get("more_body", False)

    def _too_large(self) -> BadRequest:
        return BadRequest(
            413, f"the request is over {self._max_bytes} bytes; send a smaller picture, see /v1/limits"
        )
