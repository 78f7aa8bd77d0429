"""An endpoint whose spans stay in memory: called over both faces, it prints them. A program of its own, since
a process has one tracer for its whole life."""

from __future__ import annotations

import io
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.segmenter import app
from services.segmenter.keys import new_key
from services.segmenter.settings import SegmenterSettings
from services.segmenter.web.face import HttpFace
from synres.data.images import encode_png
from synres.domain.choice import BackendChoice
from synres.domain.types import Expression
from synres.errors import RejectedItem, SynresError
from synres.ports import Image, ScoredMask, Segmenter
from synres.rpc.endpoint import Endpoint
from tests.instant import InstantSegmenter

SECRET_WORDS = "the unspeakable thing"
TRACE = {"grpc": "a" * 32, "http": "b" * 32}
_PARENT = "c" * 16


class Breaking(InstantSegmenter):
    """Fails, in words of its caller's, when it is asked to."""

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        if "break" in expressions:
            raise ZeroDivisionError(SECRET_WORDS)
        if "reject" in expressions:
            raise RejectedItem("expression_too_long", SECRET_WORDS)
        return super().segment(image, expressions)


def load(choice: BackendChoice, weights: bytes | None = None) -> Segmenter:
    """The one backend here."""
    return Breaking()


def call_grpc(address: str, key: str, image: bytes) -> None:
    """Answered, refused, failed."""
    with Endpoint(address, key) as endpoint:
        for expressions in ([SECRET_WORDS], ["reject", SECRET_WORDS], ["break", SECRET_WORDS]):
            with _joined(TRACE["grpc"]):
                try:
                    endpoint.segment(image, expressions)
                except SynresError as error:
                    print(error.code, file=sys.stderr)


def call_http(address: str, key: str, image: bytes) -> None:
    """The same, and with secrets where none are looked for."""
    headers = {"Authorization": f"Bearer {key}", "traceparent": f"00-{TRACE['http']}-{_PARENT}-01"}
    with httpx2.Client(base_url=f"http://{address}", headers=headers, timeout=60) as client:
        for texts in ([SECRET_WORDS], ["reject", SECRET_WORDS], ["break", SECRET_WORDS]):
            files = {"image": ("a.png", io.BytesIO(image), "image/png")}
            client.post("/v1/segment", params={"key": key}, files=files, data={"expressions": texts})
        client.get("/v1/nothing", params={"expressions": SECRET_WORDS})


def main(folder: Path) -> dict[str, Any]:
    """The spans, and what must be in none of them."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    key, line = new_key("shop")
    (folder / "keys").write_text(line)
    settings = SegmenterSettings(
        listen="127.0.0.1:0",
        segmenter_http_listen="127.0.0.1:0",
        segmenter_keys=folder / "keys",
        store_url=str(folder / "store"),
    )
    server, image = app.build(settings, load), encode_png(np.full((6, 10, 3), 200, np.uint8))
    with server as address:
        (face,) = server.faces
        assert isinstance(face, HttpFace)
        call_grpc(address, key, image)
        call_http(face.address, key, image)
    return {"spans": [_told(span) for span in exporter.get_finished_spans()], "secrets": [SECRET_WORDS, key]}


def _joined(trace_id: str) -> Any:
    """As a caller within a trace is."""
    context = trace.SpanContext(
        int(trace_id, 16), int(_PARENT, 16), is_remote=False, trace_flags=trace.TraceFlags(1)
    )
    return trace.use_span(trace.NonRecordingSpan(context))


def _told(span: ReadableSpan) -> dict[str, Any]:
    return json.loads(span.to_json(indent=None))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(main(Path(name))))
