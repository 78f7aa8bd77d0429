"""The endpoint from its start to its end: warm before it is ready, silent about its callers, drained."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import REGISTRY

from services.segmenter import app as segmenter_app
from services.segmenter.inference import SERVICE
from services.segmenter.keys import new_key
from services.segmenter.settings import SegmenterSettings
from synres.domain.choice import BackendChoice
from synres.domain.types import Expression
from synres.errors import RejectedItem, SettingInvalid, SynresError
from synres.ledger.ledger import Ledger
from synres.ports import Image, ScoredMask, Segmenter
from synres.rpc.endpoint import Answer, Endpoint
from synres.rpc.server import Server
from tests.instant import InstantSegmenter

PICTURE = np.full((6, 10, 3), 200, np.uint8)
PATIENCE_S = 60.0
SECRET_WORDS = "the unspeakable thing"


class SlowSegmenter(InstantSegmenter):
    """Answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.may_go = threading.Event(), threading.Event()

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        self.entered.set()
        assert self.may_go.wait(PATIENCE_S)
        if "reject" in expressions:
            raise RejectedItem("expression_too_long", SECRET_WORDS)
        if "break" in expressions:
            raise ZeroDivisionError(SECRET_WORDS)
        return super().segment(image, expressions)


@pytest.fixture
def segmenter() -> SlowSegmenter:
    """Holds its first call."""
    return SlowSegmenter()


@pytest.fixture
def build(segmenter: SlowSegmenter, ledger: Ledger) -> Callable[..., Server]:
    """The endpoint around it, with any settings."""

    def load(choice: BackendChoice, weights: bytes | None = None) -> Segmenter:
        return segmenter

    def build(**settings: object) -> Server:
        defaults = {"listen": "127.0.0.1:0", "store_url": ledger.store.url, "grace_s": PATIENCE_S}
        return segmenter_app.build(SegmenterSettings(**(defaults | settings)), load)

    return build


def _is_serving(stub: health_pb2_grpc.HealthStub, service: str) -> bool:
    answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE_S)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_it_is_ready_after_its_warm_up(segmenter: SlowSegmenter, build: Callable[..., Server]) -> None:
    """Alive from the start; each service of it is ready once the model has answered."""
    names = ("", "synres.rpc.segmenter.v1.SegmenterService", SERVICE)
    with build() as address, grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert segmenter.entered.wait(PATIENCE_S)
        assert _is_serving(stub, "live")
        assert not any(_is_serving(stub, name) for name in names)
        segmenter.may_go.set()
        _wait_for(lambda: all(_is_serving(stub, name) for name in names))


def test_a_drain_finishes_what_is_under_way(segmenter: SlowSegmenter, build: Callable[..., Server]) -> None:
    """Calls that were taken are answered although the server stops."""
    segmenter.may_go.set()
    server = build()
    with ThreadPoolExecutor(1) as threads, Endpoint(server.start(), timeout_s=PATIENCE_S) as endpoint:
        endpoint.segment(PICTURE, ["warm"])
        segmenter.may_go.clear()
        segmenter.entered.clear()
        answer = threads.submit(endpoint.segment, PICTURE, ["it"])
        assert segmenter.entered.wait(PATIENCE_S)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        _wait_for(lambda: server.is_stopping)
        segmenter.may_go.set()
        assert isinstance(answer.result(PATIENCE_S), Answer)
        stopping.join(PATIENCE_S)


def test_neither_expressions_nor_keys_are_logged(
    segmenter: SlowSegmenter, build: Callable[..., Server], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not of calls that are answered, refused, or fail within the model."""
    caplog.set_level(logging.DEBUG)
    segmenter.may_go.set()
    key, line = new_key("shop")
    (tmp_path / "keys").write_text(line)
    with build(segmenter_keys=tmp_path / "keys") as address, Endpoint(address, key) as endpoint:
        endpoint.segment(PICTURE, [SECRET_WORDS])
        for expressions in (["reject", SECRET_WORDS], ["break", SECRET_WORDS], [SECRET_WORDS + "\x07"]):
            with pytest.raises(SynresError):
                endpoint.segment(PICTURE, expressions)
    assert "call failed" in caplog.text
    assert SECRET_WORDS not in caplog.text
    assert key not in caplog.text


def test_calls_are_counted_under_the_names_of_all_services(
    segmenter: SlowSegmenter, build: Callable[..., Server]
) -> None:
    """Requests by method and code, waits, and sizes of batches."""
    segmenter.may_go.set()
    labels = {"service": "synres.rpc.segmenter.v1.SegmenterService", "method": "Segment", "code": "OK"}

    def count(name: str, of: dict[str, str]) -> float:
        return REGISTRY.get_sample_value(name, of) or 0.0

    own = {"service": "segmenter"}
    before = [count("synres_requests_total", labels), count("synres_batch_size_count", own)]
    with build() as address, Endpoint(address) as endpoint:
        endpoint.segment(PICTURE, ["it"])
    assert count("synres_requests_total", labels) == before[0] + 1
    assert count("synres_batch_size_count", own) > before[1]
    assert count("synres_queue_wait_seconds_count", own) > 0
    assert count("synres_queued_work_seconds", own) == 0


@pytest.mark.parametrize("settings", [{}, {"segmenter_auth": "on"}])
def test_beyond_loopback_it_is_open_only_by_saying_so(
    build: Callable[..., Server], settings: dict[str, object]
) -> None:
    """A token, keys, or `segmenter_auth=off`."""
    with pytest.raises(SettingInvalid, match="SYNRES_TOKEN is needed"):
        build(listen="0.0.0.0:0", **settings)
    build(listen="0.0.0.0:0", segmenter_auth="off")


def test_one_half_of_a_certificate_is_none(build: Callable[..., Server], tmp_path: Path) -> None:
    """Nor is a file that is not there."""
    with pytest.raises(SettingInvalid, match="go together"):
        build(segmenter_tls_key=tmp_path / "key.pem")
    with pytest.raises(SettingInvalid, match="cannot be used"):
        build(segmenter_tls_key=tmp_path / "key.pem", segmenter_tls_certificate=tmp_path / "chain.pem")
