"""The online endpoint over typed gRPC and the Open Inference Protocol: answers, callers, limits, load."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from PIL import Image as PillowImage
from tritonclient.utils import InferenceServerException

from services.segmenter.keys import new_key
from synres.data.images import encode_png
from synres.domain.masks import decode_mask, encode_mask
from synres.domain.types import Rle
from synres.rpc.segmenter.v1 import segmenter_pb2, segmenter_pb2_grpc
from tests.rpc.conftest import Serve

PICTURE = np.full((6, 10, 3), 200, np.uint8)
PNG = encode_png(PICTURE)
EXPRESSIONS = ("the man in red", "the dog")


class Door:
    """A keyed endpoint, and the stub that calls it with `key`."""

    def __init__(self, address: str, key: str) -> None:
        self.address, self.key = address, key
        self._channel = grpc.insecure_channel(address)
        self.stub = segmenter_pb2_grpc.SegmenterServiceStub(self._channel)

    def call(self, name: str, request: object, key: str | None = None, timeout_s: float = 60.0) -> object:
        metadata = (("authorization", f"Bearer {self.key if key is None else key}"),)
        return getattr(self.stub, name)(request, timeout=timeout_s, metadata=metadata)

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def door(serve: Serve, tmp_path: Path) -> Iterator[Door]:
    """With a token for the pipeline and one key for others."""
    key, line = new_key("shop")
    (tmp_path / "keys").write_text(f"# who may call\n{line}\n")
    opened = Door(serve("segmenter", token="secret", segmenter_keys=tmp_path / "keys"), key)
    yield opened
    opened.close()


def _request(**fields: object) -> segmenter_pb2.SegmentRequest:
    return segmenter_pb2.SegmentRequest(**({"image": PNG, "expressions": EXPRESSIONS} | fields))


def _reason(error: grpc.RpcError) -> str:
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)
    assert status is not None
    assert status.details[0].Unpack(info)
    return str(info.reason)


def _refused(door: Door, name: str, request: object, key: str | None = None) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        door.call(name, request, key)
    return caught.value.code(), _reason(caught.value)


def test_an_answer_holds_all_that_was_found(door: Door) -> None:
    """Mask, box, score, area, no target, union, size, model, times and the caller's own id."""
    answer = door.call("Segment", _request(request_id="order-7"))
    first = answer.masks[0]
    mask = decode_mask(Rle((first.mask.height, first.mask.width), first.mask.counts))
    assert mask.shape == (answer.height, answer.width) == (6, 10)
    assert first.area == mask.sum() > 0
    assert not first.no_target
    assert (first.box.x, first.box.y, first.box.height) == (0, 0, 6)
    assert (answer.merged.height, answer.merged.width) == (6, 10)
    assert answer.model.licence == "Apache-2.0"
    assert answer.request_id == "order-7"
    assert answer.timings.model_ms >= 0


def test_a_turned_picture_is_answered_upright(door: Door) -> None:
    """EXIF orientation 6 turns 10 x 6 pixels to 6 x 10; masks lie on the picture as people see it."""
    turned, buffer = PillowImage.Exif(), io.BytesIO()
    turned[0x0112] = 6
    PillowImage.fromarray(PICTURE).save(buffer, "JPEG", exif=turned)
    answer = door.call("Segment", _request(image=buffer.getvalue()))
    assert (answer.height, answer.width) == (10, 6)


@pytest.mark.parametrize("key", ["", "synres_unknown", "~" * 4000])
@pytest.mark.parametrize("name", ["Segment", "BatchSegment", "UploadPicture", "Describe"])
def test_a_stranger_is_turned_away(door: Door, name: str, key: str) -> None:
    """Every online method looks at its caller."""
    request = {
        "Segment": _request(),
        "BatchSegment": segmenter_pb2.BatchSegmentRequest(requests=[_request()]),
        "UploadPicture": segmenter_pb2.UploadPictureRequest(image=PNG),
        "Describe": segmenter_pb2.DescribeRequest(),
    }[name]
    assert _refused(door, name, request, key) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


def test_a_key_opens_neither_shards_nor_other_models(door: Door) -> None:
    """Those are the pipeline's, which has the token."""
    shard = segmenter_pb2.RunSegmentShardRequest()
    assert _refused(door, "RunSegmentShard", shard)[0] is grpc.StatusCode.UNAUTHENTICATED
    denied = (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    assert _refused(door, "Segment", _request(backend="lisa")) == denied
    assert _refused(door, "Segment", _request(weights="0" * 64)) == denied
    assert door.call("Segment", _request(backend="instant"), "secret").masks


def test_limits_are_told(door: Door) -> None:
    """A client may know them before it calls."""
    limits = door.call("Describe", segmenter_pb2.DescribeRequest()).limits
    assert limits.max_expressions == 64
    assert limits.max_image_bytes == 8 * 2**20
    assert limits.max_pixels == 2**24


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"expressions": ()}, "INVALID_INPUT"),
        ({"expressions": ("a",) * 10_000}, "INVALID_INPUT"),
        ({"expressions": ("a" * 301,)}, "INVALID_INPUT"),
        ({"expressions": (" ",)}, "INVALID_INPUT"),
        ({"expressions": ("the \x07 bell",)}, "INVALID_INPUT"),
        ({"image": b""}, "INVALID_INPUT"),
        ({"image": PNG[:50]}, "REJECTED_ITEM"),
        ({"image": b"GIF89a"}, "REJECTED_ITEM"),
        ({"image": b"x" * (8 * 2**20 + 1)}, "REJECTED_ITEM"),
        ({"image_digest": "0" * 64}, "INVALID_INPUT"),
        ({"image": b"", "image_digest": "0" * 64}, "NOT_FOUND"),
        ({"image": b"", "image_digest": "http://localhost/"}, "INVALID_INPUT"),
        ({"image": b"", "image_digest": "../" * 21 + "x"}, "INVALID_INPUT"),
        ({"request_id": "x" * 129}, "INVALID_INPUT"),
    ],
)
def test_bad_input_is_the_callers_error(door: Door, fields: dict[str, object], code: str) -> None:
    """With the reason in ErrorInfo, and never INTERNAL."""
    assert _refused(door, "Segment", _request(**fields))[1] == code


@pytest.mark.parametrize("text", ["[SEG]", "<script>alert(1)</script>", "\u202ethe man", "\U0001f600"])
def test_odd_text_is_text(door: Door, text: str) -> None:
    """It names a target like any other."""
    assert len(door.call("Segment", _request(expressions=[text])).masks) == 1


def test_a_bomb_is_refused_by_its_header(door: Door) -> None:
    """A picture of 25 million pixels in a few kB is never decoded."""
    buffer = io.BytesIO()
    PillowImage.new("1", (5000, 5000)).save(buffer, "PNG")
    assert _refused(door, "Segment", _request(image=buffer.getvalue()))[1] == "REJECTED_ITEM"


def test_one_bad_picture_does_not_spoil_a_batch(door: Door) -> None:
    """Each request has its own outcome, in order."""
    requests = [_request(), _request(image=PNG[:50]), _request(expressions=["one"])]
    outcomes = door.call("BatchSegment", segmenter_pb2.BatchSegmentRequest(requests=requests)).outcomes
    assert [outcome.WhichOneof("outcome") for outcome in outcomes] == ["response", "error", "response"]
    assert (outcomes[1].error.code, outcomes[1].error.reason) == ("REJECTED_ITEM", "image_truncated")
    assert len(outcomes[2].response.masks) == 1


def test_a_batch_is_bounded(door: Door) -> None:
    """None, and one too many, are refused as a whole."""
    for count in (0, 17):
        request = segmenter_pb2.BatchSegmentRequest(requests=[_request()] * count)
        assert _refused(door, "BatchSegment", request)[1] == "INVALID_INPUT"


def test_an_upload_is_its_keys_own(door: Door) -> None:
    """Named by digest afterwards; who did not upload it does not find it."""
    digest = door.call("UploadPicture", segmenter_pb2.UploadPictureRequest(image=PNG)).digest
    by_digest = _request(image=b"", image_digest=digest)
    inline, named = door.call("Segment", _request()), door.call("Segment", by_digest)
    assert named.masks == inline.masks
    assert _refused(door, "Segment", by_digest, "secret") == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


def test_a_full_endpoint_says_when_to_return(serve: Serve) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo, before any work; who was admitted is answered."""
    door = Door(serve("segmenter", delay_s=0.2, segmenter_max_calls=2), "")
    with ThreadPoolExecutor(6) as threads:
        calls = [threads.submit(door.call, "Segment", _request()) for _ in range(6)]
    door.close()
    errors = [error for call in calls if (error := call.exception()) is not None]
    assert 1 <= len(errors) <= 5
    for error in errors:
        assert isinstance(error, grpc.RpcError)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        retry, status = error_details_pb2.RetryInfo(), rpc_status.from_call(error)
        assert status is not None
        assert status.details[1].Unpack(retry)
        assert retry.retry_delay.ToNanoseconds() > 0


@pytest.fixture
def triton_client(door: Door) -> Iterator[triton.InferenceServerClient]:
    """Triton's own client, unchanged."""
    client = triton.InferenceServerClient(door.address)
    yield client
    client.close()


def _bytes_input(name: str, values: list[bytes]) -> triton.InferInput:
    given = triton.InferInput(name, [len(values)], "BYTES")
    given.set_data_from_numpy(np.array(values, dtype=np.object_))
    return given


def _ask(client: triton.InferenceServerClient, door: Door, **options: object) -> triton.InferResult:
    inputs = [_bytes_input("image", [PNG]), _bytes_input("expressions", [e.encode() for e in EXPRESSIONS])]
    return client.infer("instant", inputs, headers={"authorization": f"Bearer {door.key}"}, **options)


def test_tritons_client_sees_health_and_metadata(
    triton_client: triton.InferenceServerClient, door: Door
) -> None:
    """Health without a key; the rest with one."""
    headers = {"authorization": f"Bearer {door.key}"}
    assert triton_client.is_server_live()
    deadline_s = time.monotonic() + 60
    while not triton_client.is_server_ready():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    assert triton_client.is_model_ready("instant")
    assert triton_client.get_server_metadata(headers).name == "synres"
    told = triton_client.get_model_metadata("instant", headers=headers)
    assert [tensor.name for tensor in told.inputs] == ["image", "expressions"]
    with pytest.raises(InferenceServerException, match="API key"):
        triton_client.get_server_metadata()


def test_tritons_client_gets_masks(triton_client: triton.InferenceServerClient, door: Door) -> None:
    """Dense masks, scores and run lengths; equal to what typed gRPC answers."""
    wanted = [triton.InferRequestedOutput(name) for name in ("masks", "scores", "areas", "boxes")]
    found = _ask(triton_client, door, outputs=wanted, request_id="r1")
    typed = door.call("Segment", _request())
    masks = found.as_numpy("masks")
    assert masks.shape == (2, 6, 10)
    assert encode_mask(masks[0]).counts == typed.masks[0].mask.counts
    assert found.as_numpy("areas").tolist() == [mask.area for mask in typed.masks]
    assert found.as_numpy("scores").tolist() == pytest.approx([mask.score for mask in typed.masks])
    assert found.get_response().id == "r1"
    facts = found.get_response().parameters
    assert (facts["model"].string_param, facts["licence"].string_param) == ("instant", "Apache-2.0")
    assert (facts["height"].int64_param, facts["width"].int64_param) == (6, 10)
    assert facts["model_ms"].double_param > 0


def test_tritons_client_is_told_what_is_wrong(
    triton_client: triton.InferenceServerClient, door: Door
) -> None:
    """An unknown model, output or version, and a stranger."""
    with pytest.raises(InferenceServerException, match="serves instant"):
        triton_client.get_model_metadata("lisa", headers={"authorization": f"Bearer {door.key}"})
    with pytest.raises(InferenceServerException, match="output 'mask' is not known"):
        _ask(triton_client, door, outputs=[triton.InferRequestedOutput("mask")])
    with pytest.raises(InferenceServerException, match="serves instant"):
        _ask(triton_client, door, model_version="9")
    with pytest.raises(InferenceServerException, match="API key"):
        triton_client.infer("instant", [_bytes_input("image", [PNG])])
