"""A model hub on loopback that speaks as much of the hub's protocol as one pull asks for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" * 6 + "c0ff"
LARGE = (".safetensors", ".bin")


@dataclass
class FakeHub:
    """One repository. `served` replaces what is sent for a path; `gets` counts fetches; a `gated` one
    asks for an account."""

    name: str
    files: dict[str, bytes]
    served: dict[str, bytes] = field(default_factory=dict)
    gets: Counter[str] = field(default_factory=Counter)
    gated: bool = False
    url: str = ""

    def siblings(self) -> list[dict[str, object]]:
        """The listing, with sha256 for large files and git blob ids for all."""
        return [self._entry(path, data) for path, data in self.files.items()]

    def _entry(self, path: str, data: bytes) -> dict[str, object]:
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        entry: dict[str, object] = {"rfilename": path, "size": len(data), "blobId": blob}
        if path.endswith(LARGE):
            entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 1}
        return entry

    def tree(self) -> list[dict[str, object]]:
        """The same as the tree of a commit."""
        return [
            {"type": "file", "path": entry["rfilename"], "size": entry["size"], "oid": entry["blobId"]}
            | ({"lfs": {**entry["lfs"], "oid": entry["lfs"]["sha256"]}} if "lfs" in entry else {})
            for entry in self.siblings()
        ]


class Handler(BaseHTTPRequestHandler):
    """Answers for `hub`."""

    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *args: object) -> None:
        """Silent."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path, api = unquote(urlsplit(self.path).path), f"/api/models/{self.hub.name}"
        wanted = path.removeprefix(f"/{self.hub.name}/resolve/{COMMIT}/")
        if self.hub.gated:
            self._json(403, {"error": "gated"}, "GatedRepo")
        elif path.startswith(f"{api}/tree/"):
            self._json(200, self.hub.tree())
        elif path in (api, f"{api}/revision/{COMMIT}"):
            self._json(200, {"id": self.hub.name, "sha": COMMIT, "siblings": self.hub.siblings()})
        elif wanted in self.hub.files:
            self._file(wanted, body)
        else:
            self._json(
                404, {"error": "not found"}, "RevisionNotFound" if path.startswith(api) else "RepoNotFound"
            )

    def _json(self, status: int, document: object, code: str = "") -> None:
        headers = {"Content-Type": "application/json"} | ({"X-Error-Code": code} if code else {})
        self._send(status, json.dumps(document).encode(), headers)

    def _file(self, path: str, body: bool) -> None:
        data = self.hub.served.get(path, self.hub.files[path])
        digest = hashlib.sha256(self.hub.files[path]).hexdigest()
        self._send(200, data, {"X-Repo-Commit": COMMIT, "ETag": f'"{digest}"'}, body)
        self.hub.gets[path] += body

    def _send(self, status: int, data: bytes, headers: dict[str, str], body: bool = True) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)


@contextmanager
def serving_hub(hub: FakeHub) -> Iterator[FakeHub]:
    """`hub.url` answers until the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HubHandler", (Handler,), {"hub": hub}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
