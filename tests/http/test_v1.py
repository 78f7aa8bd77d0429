"""POST /v1/segment and what stands beside it, as curl calls them."""

from __future__ import annotations

import io

import httpx2
import numpy as np
import pytest
from PIL import Image as PillowImage
from prometheus_client import REGISTRY

from synres.domain.masks import decode_mask, iou
from synres.domain.types import Rle
from tests.http.conftest import Reach
from tests.pictures import EXPRESSIONS, Scene, turned_jpeg


def _ask(client: httpx2.Client, image: bytes, *expressions: str, **fields: object) -> httpx2.Response:
    data = {"expressions": list(expressions), **fields}
    return client.post("/v1/segment", files={"image": ("a.png", image)}, data=data)


def _rle(told: dict[str, object]) -> Rle:
    size, counts = told["size"], told["counts"]
    return Rle((size[0], size[1]), counts)


def test_masks_come_with_their_facts(client: httpx2.Client, a_scene: Scene) -> None:
    """For each expression a mask, box, score and area; the union; size, model, times and the request's id."""
    answer = _ask(client, a_scene.png, *EXPRESSIONS)
    told = answer.json()
    assert answer.status_code == 200
    assert [mask["expression"] for mask in told["masks"]] == list(EXPRESSIONS)
    for mask, truth in zip(told["masks"], a_scene.masks, strict=True):
        found = decode_mask(_rle(mask["rle"]))
        assert (found & truth).sum() / (found | truth).sum() > 0.85
        assert mask["area"] == found.sum() and not mask["no_target"]
        rows, columns = np.nonzero(found)
        left, top, width, height = mask["box"]
        assert (left, top, left + width, top + height) == (
            columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)  # fmt: skip
    merged = decode_mask(_rle(told["merged"]["rle"]))
    assert np.array_equal(merged, np.any([decode_mask(_rle(mask["rle"])) for mask in told["masks"]], axis=0))
    assert told["image_size"] == {"height": 384, "width": 384}
    assert (told["model"]["name"], told["model"]["licence"]) == ("micro", "Apache-2.0")
    assert all(value >= 0 for value in told["timings"].values())
    assert answer.headers["x-request-id"] == told["request_id"]


def test_polygons_instead_of_run_lengths(client: httpx2.Client, a_scene: Scene) -> None:
    """Rings around the same pixels."""
    told = _ask(client, a_scene.png, EXPRESSIONS[0], format="polygons").json()
    (mask,) = told["masks"]
    corners = np.concatenate([np.reshape(ring, (-1, 2)) for ring in mask["polygons"]])
    left, top, width, height = mask["box"]
    assert (corners.min(0) == (left, top)).all() and (corners.max(0) == (left + width, top + height)).all()
    assert "rle" not in mask and told["merged"]["polygons"] == mask["polygons"]


def test_one_png_for_all_masks(client: httpx2.Client, a_scene: Scene) -> None:
    """A palette picture: 0 is background, i the i-th expression."""
    answer = _ask(client, a_scene.png, *EXPRESSIONS, format="png")
    assert answer.headers["content-type"] == "image/png"
    layers = np.asarray(PillowImage.open(io.BytesIO(answer.content)))
    asked = _ask(client, a_scene.png, *EXPRESSIONS).json()
    for number, mask in enumerate(asked["masks"], 1):
        assert np.array_equal(layers == number, decode_mask(_rle(mask["rle"])))


def test_exif_orientation_is_applied(client: httpx2.Client, a_scene: Scene) -> None:
    """A telephone's picture lies on its side in the file; masks are of the picture as people see it."""
    lying = np.rot90(a_scene.image[:, :300])
    told = _ask(client, turned_jpeg(lying, 6), EXPRESSIONS[1]).json()
    assert told["image_size"] == {"height": 384, "width": 300}
    straight = _ask(client, turned_jpeg(a_scene.image[:, :300], 1), EXPRESSIONS[1]).json()
    assert iou(_rle(told["masks"][0]["rle"]), _rle(straight["masks"][0]["rle"])) > 0.9


def test_an_uploaded_picture_by_its_digest(client: httpx2.Client, a_scene: Scene) -> None:
    """Sent once, asked about often; somebody else's digest is not found."""
    uploaded = client.post("/v1/images", files={"image": ("a.png", a_scene.png)})
    assert uploaded.status_code == 201
    again = client.post("/v1/segment", files=[("digest", (None, uploaded.json()["digest"])),
                                              ("expressions", (None, EXPRESSIONS[0]))])  # fmt: skip
    direct = _ask(client, a_scene.png, EXPRESSIONS[0])
    assert again.json()["masks"] == direct.json()["masks"]
    lost = client.post("/v1/segment", files=[("digest", (None, "0" * 64)), ("expressions", (None, "a dog"))])
    assert (lost.status_code, lost.json()["code"]) == (404, "NOT_FOUND")


def test_limits_are_told_to_everybody(reach: Reach, keys: dict[str, str]) -> None:
    """A page that has no key yet must know what to refuse, and that it needs one."""
    with reach(segmenter_keys=keys["file"], segmenter_max_expressions=3) as client:
        told = client.get("/v1/limits").json()
    assert (told["max_expressions"], told["needs_key"], told["model"]["name"]) == (3, True, "micro")


@pytest.mark.parametrize(
    ("name", "status", "told"), [("good", 200, ""), ("expired", 401, "expired"), ("wrong", 401, "not known"),
                                 ("", 401, "API key is needed")]
)  # fmt: skip
def test_a_key_opens_the_door(
    reach: Reach, keys: dict[str, str], a_scene: Scene, name: str, status: int, told: str
) -> None:
    """One that is known and of today; refusals say which it was, and how keys are sent."""
    with reach(segmenter_keys=keys["file"]) as client:
        if name:
            client.headers["Authorization"] = f"Bearer {keys.get(name, 'wrong')}"
        answer = _ask(client, a_scene.png, EXPRESSIONS[0])
    assert answer.status_code == status
    if status == 401:
        assert answer.json()["code"] == "UNAUTHENTICATED" and told in answer.json()["message"]
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_that_calls_too_often_is_told_when_to_return(
    reach: Reach, keys: dict[str, str], a_scene: Scene
) -> None:
    """429 with Retry-After in whole seconds."""
    with reach(segmenter_keys=keys["file"]) as client:
        client.headers["Authorization"] = f"Bearer {keys['slow']}"
        answers = [_ask(client, a_scene.png, EXPRESSIONS[0]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].json()["code"] == "OVERLOADED"
    assert 1 <= int(answers[1].headers["retry-after"]) <= 10


def test_a_deadline_that_cannot_be_met(client: httpx2.Client, a_scene: Scene) -> None:
    """Expired work never reaches the model."""
    answer = _ask(client, a_scene.png, EXPRESSIONS[0], timeout_s="0.000001")
    assert (answer.status_code, answer.json()["code"]) in {(504, "DEADLINE_EXCEEDED"), (429, "OVERLOADED")}


def test_every_answer_is_safe_for_a_browser(client: httpx2.Client) -> None:
    """No script but the page's own files, no sniffing, no frame, no referrer; errors too."""
    for path in ("/", "/static/app.js", "/v1/limits", "/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert (
            "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_requests_are_counted_as_calls_over_grpc_are(client: httpx2.Client, a_scene: Scene) -> None:
    """By method and code, under the same names, for the same dashboard."""

    def count(code: str) -> float:
        labels = {"service": "segmenter.http", "method": "POST /v1/segment", "code": code}
        return REGISTRY.get_sample_value("synres_requests_total", labels) or 0.0

    before = count("OK"), count("INVALID_ARGUMENT")
    files = {"image": a_scene.png}
    client.post("/v1/segment", files=files, data={"expressions": "the square"})
    client.post("/v1/segment", files=files)
    assert (count("OK"), count("INVALID_ARGUMENT")) == (before[0] + 1, before[1] + 1)
