"""Whatever is sent to the endpoint over gRPC: an answer or the caller's error, soon, and nothing is left."""

from __future__ import annotations

import gc
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from synres.data.images import encode_png
from synres.rpc.inference.v2 import inference_pb2
from synres.rpc.segmenter.v1 import segmenter_pb2
from tests.instant import build_instant

TYPED = "/synres.rpc.segmenter.v1.SegmenterService/"
TRITON = "/inference.GRPCInferenceService/"
METHODS = [
    *(TYPED + name for name in ("Segment", "BatchSegment", "UploadPicture", "Describe", "RunSegmentShard")),
    *(TRITON + name for name in ("ModelInfer", "ModelMetadata", "ModelReady", "ServerMetadata")),
]
PATIENCE_S = 60.0
OURS = {
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DATA_LOSS,
}
"""What would be a fault or a hang of the service."""
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PNG = encode_png(np.zeros((5, 7, 3), np.uint8))


def _jpeg() -> bytes:
    buffer = io.BytesIO()
    PillowImage.new("RGB", (9, 4)).save(buffer, "JPEG")
    return buffer.getvalue()


@st.composite
def pictures(draw: st.DrawFn) -> bytes:
    """A picture, cut, with bytes changed, or none at all."""
    data = bytearray(draw(st.sampled_from([PNG, _jpeg(), b""])))
    for _ in range(draw(st.integers(0, 3)) if data else 0):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) + draw(st.binary(max_size=8))


TEXTS = st.one_of(
    st.text(max_size=400), st.sampled_from(["[SEG]", "<script>", "\x00", "\u202e", "a" * 301, "\U000e0001"])
)
REQUESTS = st.builds(
    segmenter_pb2.SegmentRequest,
    backend=st.sampled_from(["", "instant", "lisa", "\x00", "../x"]),
    image=pictures(),
    expressions=st.lists(TEXTS, max_size=70),
    weights=st.sampled_from(["", "0" * 64, "../../x"]),
    model=st.text(max_size=5),
    options=st.one_of(st.just(b""), st.binary(max_size=20), st.just(b"[" * 1000)),
    image_digest=st.sampled_from(["", "0" * 64, "http://127.0.0.1/x", "../x"]),
    request_id=st.text(max_size=150),
)
TENSORS = st.builds(
    inference_pb2.ModelInferRequest.InferInputTensor,
    name=st.sampled_from(["image", "expressions", "other", ""]),
    datatype=st.sampled_from(["BYTES", "UINT8", "", "FP32"]),
    shape=st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, 2]), max_size=4),
    contents=st.builds(
        inference_pb2.InferTensorContents,
        bytes_contents=st.lists(st.binary(max_size=30) | st.just(PNG), max_size=3),
        fp32_contents=st.lists(st.floats(width=32), max_size=3),
    ),
)
INFERENCES = st.builds(
    inference_pb2.ModelInferRequest,
    model_name=st.sampled_from(["instant", "", "lisa"]),
    model_version=st.sampled_from(["", "1"]),
    id=st.text(max_size=5),
    inputs=st.lists(TENSORS, max_size=3),
    raw_input_contents=st.lists(st.binary(max_size=40), max_size=3),
    parameters=st.dictionaries(
        st.sampled_from(["timeout", "x"]),
        st.builds(
            inference_pb2.InferParameter, int64_param=st.integers(-(2**63), 0) | st.integers(10**9, 2**63 - 1)
        ),
    ),
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An endpoint that everybody may call, for all tests here."""
    store: Path = tmp_path_factory.mktemp("store")
    server = build_instant("segmenter", listen="127.0.0.1:0", store_url=str(store), grace_s=5.0)
    with server as address:
        yield address


@pytest.fixture(scope="module")
def channel(address: str) -> Iterator[grpc.Channel]:
    """To it."""
    with grpc.insecure_channel(address) as channel:
        yield channel


def _code(channel: grpc.Channel, method: str, data: bytes, **options: object) -> grpc.StatusCode:
    try:
        channel.unary_unary(method)(data, **({"timeout": PATIENCE_S} | options))
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@FUZZ
@given(data=st.binary(max_size=300), method=st.sampled_from(METHODS))
def test_bytes_that_are_no_message(channel: grpc.Channel, data: bytes, method: str) -> None:
    """To every method."""
    assert _code(channel, method, data) not in OURS


@FUZZ
@given(request=REQUESTS)
def test_any_request_to_segment(channel: grpc.Channel, request: segmenter_pb2.SegmentRequest) -> None:
    """Broken pictures, odd texts, wrong digests, foreign backends."""
    assert _code(channel, TYPED + "Segment", request.SerializeToString()) not in OURS


@FUZZ
@given(requests=st.lists(REQUESTS, max_size=4))
def test_any_batch(channel: grpc.Channel, requests: list[segmenter_pb2.SegmentRequest]) -> None:
    """Each of them may be anything."""
    message = segmenter_pb2.BatchSegmentRequest(requests=requests)
    assert _code(channel, TYPED + "BatchSegment", message.SerializeToString()) not in OURS


@FUZZ
@given(request=INFERENCES)
def test_any_inference(channel: grpc.Channel, request: inference_pb2.ModelInferRequest) -> None:
    """Tensors of any name, type, shape and contents."""
    assert _code(channel, TRITON + "ModelInfer", request.SerializeToString()) not in OURS


def test_gigantic_metadata(channel: grpc.Channel) -> None:
    """Past its limit gRPC refuses by itself, and the next call is answered."""
    metadata = (("authorization", "Bearer " + "x" * 100_000), ("x-more", "y" * 100_000))
    code = _code(channel, TYPED + "Describe", b"", metadata=metadata)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert _code(channel, TYPED + "Describe", b"") is grpc.StatusCode.OK


def test_ten_thousand_expressions(channel: grpc.Channel) -> None:
    """Refused without a look at the picture."""
    request = segmenter_pb2.SegmentRequest(image=PNG, expressions=["it"] * 10_000)
    code = _code(channel, TYPED + "Segment", request.SerializeToString())
    assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_clients_that_say_nothing_hold_nobody(address: str, channel: grpc.Channel) -> None:
    """Two hundred connections that open, stop in the middle, and stay."""
    host, _, port = address.rpartition(":")
    with ExitStack() as stack:
        for index in range(200):
            quiet = stack.enter_context(socket.create_connection((host, int(port)), PATIENCE_S))
            with suppress(OSError):
                quiet.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[: index % 25])
        assert _code(channel, TYPED + "Describe", b"") is grpc.StatusCode.OK


def test_nothing_is_left_of_many_bad_calls(channel: grpc.Channel) -> None:
    """After hundreds of refusals there are as many objects as before them, and no thread for each."""
    bad = segmenter_pb2.SegmentRequest(image=PNG[:30], expressions=["it"]).SerializeToString()

    def refuse(count: int) -> int:
        for _ in range(count):
            assert _code(channel, TYPED + "Segment", bad) is grpc.StatusCode.INVALID_ARGUMENT
        gc.collect()
        return len(gc.get_objects())

    refuse(100)
    threads, objects = threading.active_count(), refuse(1)
    deadline_s = time.monotonic() + PATIENCE_S
    # one that has not yet gone idle when the next call comes makes the pool's next one
    while refuse(300) > objects + 300 or threading.active_count() > threads + 30:
        assert time.monotonic() < deadline_s
