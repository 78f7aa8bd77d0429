"""Traces of the endpoint: standard names, the caller's trace, and nothing of what callers say."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.rpc.traced_endpoint import TRACE

SEGMENT = "synres.rpc.segmenter.v1.SegmenterService/Segment"


@pytest.fixture(scope="module")
def traced() -> dict[str, Any]:
    """What the program told: `spans` as OpenTelemetry writes them in JSON, `secrets`, and its `log`."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.rpc.traced_endpoint"], capture_output=True, text=True, timeout=240
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout) | {"log": ended.stderr}


def _named(traced: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [span for span in traced["spans"] if span["name"] == name]


def test_a_call_over_grpc_is_a_servers_span(traced: dict[str, Any]) -> None:
    """Names of the RPC conventions; a fault of ours is an error, a refusal is the caller's own."""
    spans = _named(traced, SEGMENT)
    assert [span["kind"] for span in spans] == ["SpanKind.SERVER"] * 3
    assert [span["status"]["status_code"] for span in spans] == ["UNSET", "UNSET", "ERROR"]
    common = {"rpc.system.name": "grpc", "rpc.method": SEGMENT}
    assert [span["attributes"] for span in spans] == [
        common | {"rpc.response.status_code": "OK"},
        common | {"rpc.response.status_code": "INVALID_ARGUMENT"},
        common | {"rpc.response.status_code": "INTERNAL", "error.type": "INTERNAL"},
    ]


def test_a_request_over_http_is_a_servers_span(traced: dict[str, Any]) -> None:
    """Names of the HTTP conventions; the span is named after the route and not after the path."""
    spans = _named(traced, "POST /v1/segment")
    assert [span["kind"] for span in spans] == ["SpanKind.SERVER"] * 3
    assert [span["status"]["status_code"] for span in spans] == ["UNSET", "UNSET", "ERROR"]
    told = {"http.request.method": "POST", "url.path": "/v1/segment", "url.scheme": "http",
            "http.route": "/v1/segment", "server.address": "127.0.0.1"}  # fmt: skip
    for span, status in zip(spans, (200, 400, 500), strict=True):
        assert span["attributes"].items() >= (told | {"http.response.status_code": status}).items()
    (unknown,) = _named(traced, "GET")
    assert "http.route" not in unknown["attributes"]


@pytest.mark.parametrize(("face", "name"), [("grpc", SEGMENT), ("http", "POST /v1/segment")])
def test_spans_belong_to_the_callers_trace(traced: dict[str, Any], face: str, name: str) -> None:
    """So do those within: decoding, the model, and what is made of its masks."""
    answered = _named(traced, name)[0]
    within = {
        span["name"]: span["context"]["trace_id"]
        for span in traced["spans"]
        if span["parent_id"] == answered["context"]["span_id"]
    }
    assert within == dict.fromkeys(("preprocess", "model", "postprocess"), f"0x{TRACE[face]}")
    assert answered["context"]["trace_id"] == f"0x{TRACE[face]}"


def test_neither_expressions_nor_keys_are_in_a_trace_or_log(traced: dict[str, Any]) -> None:
    """Not even where a fault repeats them, or a caller puts them into the query."""
    for secret in traced["secrets"]:
        assert secret not in json.dumps(traced["spans"])
        assert secret not in traced["log"]
    assert not any(span["events"] for span in traced["spans"])
