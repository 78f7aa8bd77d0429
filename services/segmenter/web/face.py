"""The HTTP server: a thread of its own beside gRPC, started and drained with it."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from services.segmenter.web.connections import KEEP_ALIVE_S, MAX_HEAD_BYTES, ImpatientProtocol
from synres import telemetry
from synres.errors import SettingInvalid

_BACKLOG = 512
_LEAVES_S = 10.0


class HttpFace:
    """`listen` is host:port, port 0 takes a free one; with a `certificate`, private
    key and chain, it speaks TLS. A `Face` of `synres.rpc.server`."""

    def __init__(
        self,
        app: ASGIApp,
        listen: str,
        protocol: type[ImpatientProtocol] = ImpatientProtocol,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self._listen = listen
        key, chain = certificate or (None, None)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=protocol,
                loop="asyncio",
                ws="none",
                lifespan="off",
                # its logs go where ours go, and hold neither paths nor addresses
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=_BACKLOG,
                ssl_keyfile=key,
                ssl_certfile=chain,
                timeout_keep_alive=KEEP_ALIVE_S,
                h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="segmenter-http", daemon=True)
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Listens. Raises SettingInvalid when it cannot."""
        self._socket = _listening(self._listen)
        self._thread.start()
        telemetry.log.info("serving http", address=self.address)

    def stop(self, grace_s: float) -> None:
        """Takes no new connections; calls under way may take `grace_s`."""
        self._server.config.timeout_graceful_shutdown = max(1, round(grace_s))
        self._server.should_exit = True
        self._thread.join(grace_s + _LEAVES_S)

    @property
    def address(self) -> str:
        """host:port, with the port it got."""
        assert self._socket is not None  # noqa: S101 - after `start` only
        host, port = self._socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _serve(self) -> None:
        assert self._socket is not None  # noqa: S101 - `start` made it
        asyncio.run(self._server.serve(sockets=[self._socket]))


def _listening(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    try:
        bare = host.strip("[]")
        family = socket.AF_INET6 if ":" in bare else socket.AF_INET
        listening = socket.create_server((bare, int(port)), family=family, backlog=_BACKLOG)
        # asyncio does so only for sockets that name their protocol; without, an answer's body waits 40 ms
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, ValueError, OverflowError) as error:
        raise SettingInvalid(
            f"SYNRES_SEGMENTER_HTTP_LISTEN: cannot listen on {listen}: {error}; give a free host:port"
        ) from error
