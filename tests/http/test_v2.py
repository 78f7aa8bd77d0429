"""The Open Inference Protocol over REST, by Triton's own client."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from services.segmenter.app import build_online
from services.segmenter.settings import SegmenterSettings
from synres.data.images import encode_png
from synres.domain.choice import BackendChoice
from synres.domain.masks import decode_mask
from synres.domain.types import Rle
from synres.ports import Segmenter
from tests.http.conftest import Reach, served
from tests.instant import InstantSegmenter
from tests.pictures import EXPRESSIONS, Scene


@pytest.fixture
def caller(client: httpx2.Client) -> Iterator[triton.InferenceServerClient]:
    """As shipped by NVIDIA; closed before the server goes."""
    found = triton.InferenceServerClient(f"{client.base_url.host}:{client.base_url.port}")
    yield found
    found.close()


def _inputs(png: bytes, expressions: tuple[str, ...], binary: bool = True) -> list[triton.InferInput]:
    image = triton.InferInput("image", [1], "BYTES")
    content = png if binary else base64.b64encode(png)
    image.set_data_from_numpy(np.array([content], np.object_), binary_data=binary)
    texts = triton.InferInput("expressions", [len(expressions)], "BYTES")
    texts.set_data_from_numpy(np.array([e.encode() for e in expressions], np.object_), binary_data=binary)
    return [image, texts]


def test_the_server_tells_what_it_is(caller: triton.InferenceServerClient) -> None:
    """Live, ready, its name, its model's tensors and limits."""
    assert caller.is_server_live() and caller.is_server_ready() and caller.is_model_ready("micro")
    assert caller.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    told = caller.get_model_metadata("micro")
    assert caller.is_model_ready("micro", told["versions"][0])
    assert [(each["name"], each["datatype"]) for each in told["inputs"]] == [
        ("image", "BYTES"), ("expressions", "BYTES")]  # fmt: skip
    assert {"rle", "scores", "masks"} <= {each["name"] for each in told["outputs"]}
    assert told["parameters"]["max_expressions"] == "64"


@pytest.mark.parametrize("is_binary", [True, False])
def test_masks_by_tritonclient(caller: triton.InferenceServerClient, a_scene: Scene, is_binary: bool) -> None:
    """The same masks with raw tensors behind the JSON and with all in it, dense and as run lengths."""
    wanted = [triton.InferRequestedOutput(name, binary_data=is_binary) for name in ("masks", "rle", "scores")]
    found = caller.infer(
        "micro", _inputs(a_scene.png, EXPRESSIONS, is_binary), outputs=wanted, request_id="7"
    )
    dense, scores = found.as_numpy("masks"), found.as_numpy("scores")
    assert dense.shape == (3, 384, 384) and dense.dtype == bool
    assert scores.dtype == np.float32 and (scores > 0.5).all()
    for mask, text, truth in zip(dense, found.as_numpy("rle"), a_scene.masks, strict=True):
        told = json.loads(text)
        rle = Rle((told["size"][0], told["size"][1]), told["counts"])
        assert np.array_equal(mask, decode_mask(rle))
        assert (mask & truth).sum() / (mask | truth).sum() > 0.85
    assert found.get_response()["id"] == "7"
    facts = found.get_response()["parameters"]
    assert (len(facts["model_digest"]), facts["height"], facts["width"]) == (64, 384, 384)
    assert facts["model_ms"] > 0


def test_without_outputs_asked_for_all_but_the_dense_masks_come(
    caller: triton.InferenceServerClient, a_scene: Scene
) -> None:
    """A client that names none gets what is small."""
    found = caller.infer("micro", _inputs(a_scene.png, EXPRESSIONS))
    assert found.as_numpy("boxes").shape == (3, 4)
    assert found.as_numpy("no_target").tolist() == [False] * 3
    assert found.as_numpy("masks") is None


@pytest.mark.parametrize(
    ("model", "expressions", "status", "told"),
    [
        ("lisa", EXPRESSIONS, "404", "serves the model 'micro'"),
        ("micro", ("a\0dog",), "400", "control character"),
        ("micro", (" ",), "400", "expression 1 is empty"),
    ],
)
def test_errors_reach_the_client_in_words(
    caller: triton.InferenceServerClient,
    a_scene: Scene,
    model: str,
    expressions: tuple[str, ...],
    status: str,
    told: str,
) -> None:
    """With the status that HTTP has for it."""
    with pytest.raises(InferenceServerException, match=told) as caught:
        caller.infer(model, _inputs(a_scene.png, expressions))
    assert caught.value.status() == status


@pytest.mark.parametrize("compressed", ["gzip", "deflate"])
def test_a_compressed_body_is_refused(
    caller: triton.InferenceServerClient, a_scene: Scene, compressed: str
) -> None:
    """It could unpack to anything; a picture's file is compressed already."""
    with pytest.raises(InferenceServerException, match="Content-Encoding"):
        caller.infer("micro", _inputs(a_scene.png, EXPRESSIONS), request_compression_algorithm=compressed)


def test_a_key_goes_in_a_header(reach: Reach, keys: dict[str, str], a_scene: Scene) -> None:
    """Health needs none; what the model is and does needs one."""
    with reach(segmenter_keys=keys["file"]) as client:
        caller = triton.InferenceServerClient(f"{client.base_url.host}:{client.base_url.port}")
        assert caller.is_server_ready() and caller.is_model_ready("micro")
        with pytest.raises(InferenceServerException, match="API key"):
            caller.infer("micro", _inputs(a_scene.png, EXPRESSIONS))
        headers = {"Authorization": f"Bearer {keys['good']}"}
        found = caller.infer("micro", _inputs(a_scene.png, EXPRESSIONS), headers=headers)
        caller.close()
    assert found.as_numpy("scores").shape == (3,)


TENSOR = {"name": "expressions", "datatype": "BYTES", "shape": [1], "data": ["a dog"]}
IMAGE = {"name": "image", "datatype": "BYTES", "shape": [1], "data": ["!!"]}


@pytest.mark.parametrize(
    "request_",
    [
        b"", b"[", b"[" * 100_000, b"null", b'{"inputs": 5}', b'{"inputs": []}', b"\xff",
        json.dumps({"inputs": [IMAGE, TENSOR]}).encode(),
        json.dumps({"inputs": [TENSOR | {"data": [[["deep"]]]}]}).encode(),
        json.dumps({"inputs": [TENSOR | {"shape": [10**30]}]}).encode(),
        json.dumps({"inputs": [TENSOR | {"parameters": {"binary_data_size": 10**9}}]}).encode(),
        json.dumps({"inputs": [TENSOR, TENSOR], "outputs": [{"name": "logits"}]}).encode(),
    ],
)  # fmt: skip
def test_requests_that_are_none(client: httpx2.Client, request_: bytes) -> None:
    """400 and a sentence."""
    answer = client.post("/v2/models/micro/infer", content=request_)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")


@pytest.mark.parametrize("length", ["-1", "x", "10000", "²"])
def test_a_wrong_length_of_json(client: httpx2.Client, length: str) -> None:
    """It is the caller's word, and not believed."""
    headers = {"Inference-Header-Content-Length": length.encode()}
    answer = client.post("/v2/models/micro/infer", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")


def test_a_model_that_loads_stops_no_other_call(tmp_path: Path) -> None:
    """Whoever asks for a version waits for the model; who asks whether the server lives does not."""
    may_load = threading.Event()

    def load(choice: BackendChoice, weights: bytes | None = None) -> Segmenter:
        assert may_load.wait(60)
        return InstantSegmenter()

    settings = SegmenterSettings(store_url=str(tmp_path), segmenter_backend="instant")
    with (
        served(build_online(settings, load)[0], lambda: True) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        asked = pool.submit(client.get, "/v2/models/instant/versions/0/ready")
        lives = [client.get("/v2/health/live").status_code for _ in range(20)]
        waited = not asked.done()
        may_load.set()
        assert (lives, waited, asked.result().status_code) == ([200] * 20, True, 404)


def test_dense_masks_as_json_have_an_end(client: httpx2.Client) -> None:
    """Six bytes a pixel and a second for each ten million would be everybody's; raw bytes may be more."""
    picture = base64.b64encode(encode_png(np.zeros((1100, 1000, 3), np.uint8))).decode()
    body = {"inputs": [IMAGE | {"data": [picture]}, TENSOR], "outputs": [{"name": "masks"}]}
    told = client.post("/v2/models/micro/infer", json=body)
    assert (told.status_code, told.json()["code"]) == (400, "INVALID_INPUT")
    assert "binary_data" in told.json()["message"]
    body["outputs"] = [{"name": "masks", "parameters": {"binary_data": True}}]
    assert len(client.post("/v2/models/micro/infer", json=body).content) > 1_100_000


def test_not_ready_before_the_warm_up_and_while_draining(reach: Reach) -> None:
    """503, and answers that end their connections, so that callers move on before the end."""
    is_ready = True
    with reach(is_ready=lambda: is_ready) as client:
        assert client.get("/v2/health/ready").status_code == 200
        is_ready = False
        answer = client.get("/v2/health/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert answer.headers["connection"] == "close"
        assert client.get("/v2/health/live").status_code == 200
