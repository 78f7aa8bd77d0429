"""As much of a Kubernetes API server as helm's `lookup` asks of one."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Secrets = Mapping[str, Mapping[str, str]]
KINDS = {
    "v1": ("ConfigMap", "PersistentVolumeClaim", "Pod", "Secret", "Service", "ServiceAccount"),
    "apps/v1": ("Deployment",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
}
"""Those of a release without options."""


@contextmanager
def serving(secrets: Secrets) -> Iterator[str]:
    """Its URL; a namespace `ns` that holds `secrets`, name -> key -> text."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(_answers(secrets)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _answers(secrets: Secrets) -> dict[str, Any]:
    groups = [_group(version) for version in KINDS if "/" in version]
    found = {
        "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
        "/api/v1/namespaces/ns/serviceaccounts/default": _object("ServiceAccount", "default"),
    }
    for version, kinds in KINDS.items():
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        found[path] = {"kind": "APIResourceList", "groupVersion": version, "resources": _resources(kinds)}
    for name, pairs in secrets.items():
        data = {key: base64.b64encode(text.encode()).decode() for key, text in pairs.items()}
        found[f"/api/v1/namespaces/ns/secrets/{name}"] = _object("Secret", name) | {"data": data}
    return found


def _group(version: str) -> dict[str, Any]:
    name = version.partition("/")[0]
    preferred = {"groupVersion": version, "version": "v1"}
    return {"name": name, "versions": [preferred], "preferredVersion": preferred}


def _resources(kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    plural = {"NetworkPolicy": "networkpolicies"}
    return [
        {"name": plural.get(kind, f"{kind.lower()}s"), "namespaced": True, "kind": kind, "verbs": ["get"]}
        for kind in kinds
    ]


def _object(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": "v1", "metadata": {"name": name, "namespace": "ns"}}


def _handler(answers: Mapping[str, Any]) -> type[BaseHTTPRequestHandler]:
    missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            body = json.dumps(answer or missing).encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: the test's output is helm's."""

    return Handler
