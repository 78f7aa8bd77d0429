"""The fake cluster's API server over HTTP."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from kubernetes import client

from tests.fake_kubernetes import FakeKubernetes, Json, Refused

NAMESPACE = "synres"
_PATH = re.compile(
    rf"/(?:api/v1|apis/batch/v1)/namespaces/{NAMESPACE}/(?P<kind>jobs|pods)(?:/(?P<name>[^/]+))?(?P<log>/log)?"
)
_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}


@contextmanager
def serving(cluster: FakeKubernetes) -> Iterator[client.Configuration]:
    """What reaches the cluster's API, for `NAMESPACE`; its pods end afterwards."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(cluster))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield client.Configuration(host=f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        cluster.close()


def _handler(cluster: FakeKubernetes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                with cluster.lock:
                    code, data = 200, _answer(cluster, self.command, self.path, body)
            except Refused as refused:
                code, data = refused.code, json.dumps(refused.status).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def do_PATCH(self) -> None:
            self.answer()

        def do_DELETE(self) -> None:
            self.answer()

        def log_message(self, *words: object) -> None:
            """Says nothing."""

    return Handler


def _answer(cluster: FakeKubernetes, method: str, path: str, body: bytes) -> bytes:
    url = urlsplit(path)
    found = _PATH.fullmatch(url.path)
    if cluster.down:
        raise Refused(503, "the server is currently unable to handle the request", "ServiceUnavailable")
    if found is None:
        raise Refused(404, f"{url.path} not found", "NotFound")
    kind, name = found["kind"], found["name"]
    resource = kind + ("/log" if found["log"] else "")
    verb = _VERBS.get(method) or ("get" if name else "list")
    cluster.asked.add((verb, resource))
    if (verb, resource) not in cluster.allowed:
        raise Refused(403, f"{resource} is forbidden: User cannot {verb} resource", "Forbidden")
    if resource == "pods/log":
        return cluster.log(name)
    if verb == "list":
        things = (cluster.jobs if kind == "jobs" else cluster.pods).values()
        selector = parse_qs(url.query).get("labelSelector", [""])[0]
        return json.dumps({"items": [thing for thing in things if _fits(thing, selector)]}).encode()
    return json.dumps(_of_one(cluster, verb, name, json.loads(body or b"{}"))).encode()


def _of_one(cluster: FakeKubernetes, verb: str, name: str, body: Json) -> Json:
    if verb == "create":
        return cluster.create_job(body)
    if name not in cluster.jobs:
        raise Refused(404, f'jobs.batch "{name}" not found', "NotFound")
    if verb == "patch":
        return cluster.patch_job(name, body)
    if verb == "delete":
        return cluster.delete_job(name, body)
    return cluster.jobs[name]


def _fits(thing: Json, selector: str) -> bool:
    labels = thing["metadata"].get("labels", {})
    pairs = [pair.partition("=") for pair in selector.split(",") if pair]
    return all(labels.get(key) == value for key, _, value in pairs)
