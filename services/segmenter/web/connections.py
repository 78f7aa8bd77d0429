"""Connections that are given a time: for the head of a request, for its answer to be taken, for the next."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_HEAD_BYTES = 1 << 14
"""Of the request line and all headers."""
TOO_LARGE_HEAD = "the headers are over 16 KiB"
KEEP_ALIVE_S = 75
"""Longer than proxies keep theirs: they, and not we, end an idle connection."""


class ImpatientProtocol(H11Protocol):
    """uvicorn waits for ever for a head that comes byte by byte, and for an answer that nobody reads.

    `head_s`: from the first byte, or from the end of what an idle connection is given. `call_s`: longer than
    any deadline; only who does not take the answer is still there then.
    """

    head_s = 15.0
    call_s = 600.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._allow(self.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._allow(self.call_s)

    def on_response_complete(self) -> None:
        self._allow(KEEP_ALIVE_S + self.head_s)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """In our shape; a head that is too large is not a broken one."""
        status = 431 if len(self.conn.trailing_data[0]) >= MAX_HEAD_BYTES else 400
        told = TOO_LARGE_HEAD if status == 431 else "this is not HTTP/1.1"
        body = json.dumps({"code": "INVALID_INPUT", "message": told, "error": told}).encode()
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        events: list[Any] = [
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ]
        self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self.transport.close()

    def _allow(self, seconds: float) -> None:
        if hasattr(self, "_patience"):
            self._patience.cancel()
        self._patience = self.loop.call_later(seconds, self.transport.abort)
