"""What nobody should send: each is refused with a code and a sentence, none is a 500, none hangs."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import httpx2
import pytest

from services.segmenter.web.connections import ImpatientProtocol
from services.segmenter.web.face import HttpFace
from tests.http.conftest import Reach
from tests.pictures import Scene, bomb


def _send(client: httpx2.Client, image: bytes, *expressions: str) -> httpx2.Response:
    parts = [("image", ("a.png", image)), *(("expressions", (None, text)) for text in expressions)]
    return client.post("/v1/segment", files=parts)


@pytest.mark.parametrize(
    ("spoil", "status", "reason"),
    [
        (lambda png: png[: len(png) // 2], 400, "image_truncated"),
        (lambda png: b"GIF89a" + png, 400, "image_unreadable"),
        (lambda png: b"<svg onload=alert(1)>", 400, "image_unreadable"),
        (lambda png: bomb(60_000, 60_000), 413, "image_too_many_pixels"),
        (lambda png: bomb(5_000, 4_000), 413, "image_too_many_pixels"),
        (lambda png: bomb(4_000, 2), 400, "image_extreme_aspect"),
        (lambda png: png + b"\0" * 9_000_000, 413, "image_too_many_bytes"),
    ],
)
def test_pictures_that_are_none(
    client: httpx2.Client, a_scene: Scene, spoil: Callable[[bytes], bytes], status: int, reason: str
) -> None:
    """Truncated, empty, of another kind, or far larger than they look."""
    answer = _send(client, spoil(a_scene.png), "a dog")
    assert (answer.status_code, answer.json().get("reason")) == (status, reason)
    assert len(answer.json()["message"]) > 10


@pytest.mark.parametrize(
    ("expressions", "told"),
    [
        ([], "no expressions"),
        ([""], "expression 1 is empty"),
        (["a dog", "  "], "expression 2 is empty"),
        (["a\0dog"], "control character"),
        (["a\x1b[31mdog"], "control character"),
        (["d" * 301], "301 characters"),
        (["a dog"] * 65, "65 expressions"),
        (["a dog"] * 10_000, "at most 64 expressions"),
    ],
)
def test_expressions_that_are_refused(
    client: httpx2.Client, a_scene: Scene, expressions: list[str], told: str
) -> None:
    """With the number of the one at fault, and never its text."""
    answer = _send(client, a_scene.png, *expressions)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")
    assert told in answer.json()["message"]


@pytest.mark.parametrize(
    "text",
    [
        "[SEG]",
        "<image>\n[SEG] the dog [/INST]".replace("\n", " "),
        "<script>alert(1)</script>",
        "'; --",
        "犬",
        "🐕",
    ],
)
def test_strange_expressions_are_text(client: httpx2.Client, a_scene: Scene, text: str) -> None:
    """A model's own signs, markup and other scripts are words like others, and come back as they went in."""
    answer = _send(client, a_scene.png, text)
    assert answer.status_code == 200
    assert answer.json()["masks"][0]["expression"] == text
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"image=a&expressions=b", "application/x-www-form-urlencoded", 415),
        (b"nothing of the kind", "multipart/form-data; boundary=b", 400),
        (b"nothing of the kind", "multipart/form-data", 400),
        (b"--b\r\n\r\nno name\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
        (b"--b\r\nContent-Disposition: form-data; name=image\r\n\r\ntext\r\n--b--\r\n",
         "multipart/form-data; boundary=b", 400),
        (b"--b\r\nContent-Disposition: form-data; name=imgae; filename=a\r\n\r\nx\r\n--b--\r\n",
         "multipart/form-data; boundary=b", 400),
    ],
)  # fmt: skip
def test_bodies_that_are_no_form(client: httpx2.Client, body: bytes, kind: str, status: int) -> None:
    """The message says what a form is, or which field is wrong."""
    answer = client.post("/v1/segment", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, "INVALID_INPUT")


def test_a_picture_must_be_sent(client: httpx2.Client) -> None:
    """Nothing, and a file with nothing in it: the message says what is missing."""
    for files in (
        [("expressions", (None, "a dog"))],
        [("expressions", (None, "a dog")), ("image", ("a", b""))],
    ):
        told = client.post("/v1/segment", files=files)
        assert (told.status_code, told.json()["code"]) == (400, "INVALID_INPUT")
        assert told.json()["message"].startswith("no picture: send its file, or the digest")


def test_a_misspelt_field_is_named(client: httpx2.Client) -> None:
    """With the right name."""
    answer = client.post("/v1/segment", files=[("expression", (None, "a dog"))])
    assert "did you mean 'expressions'?" in answer.json()["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "rel"),
        ("timeout_s", "soon"),
        ("timeout_s", "nan"),
        ("timeout_s", "-1"),
        ("timeout_s", "1e10"),
        ("digest", "../../etc/passwd"),
    ],
)
def test_fields_of_another_form(client: httpx2.Client, field: str, value: str) -> None:
    """Each has one sentence."""
    answer = client.post("/v1/segment", files=[(field, (None, value)), ("expressions", (None, "a dog"))])
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")


def test_a_request_that_is_too_large_is_refused_before_it_is_there(client: httpx2.Client) -> None:
    """By what it declares, and by what comes if it declares nothing."""
    declared = client.post("/v1/segment", content=b"x" * 15_000_000, headers={"Content-Type": "text/plain"})
    assert (declared.status_code, declared.json()["code"]) == (413, "INVALID_INPUT")
    streamed = client.post(
        "/v1/segment", content=_endless(), headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert streamed.status_code == 413


def _endless() -> Iterator[bytes]:
    yield b"--b\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n"
    for _ in range(200):
        yield b"x" * 100_000


def _raw(client: httpx2.Client, data: bytes) -> bytes:
    """What a bare connection answers until it ends."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=60) as link:
        link.sendall(data)
        told = b""
        while got := link.recv(65536):
            told += got
    return told


def test_a_gigantic_header_is_refused(client: httpx2.Client) -> None:
    """431, in the one shape, and the connection ends: also where it comes whole, in one piece."""
    for size, end in ((100_000, b""), (20_000, b"\r\n\r\n")):
        told = _raw(client, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * size + end)
        assert told.startswith(b"HTTP/1.1 431")
    assert json.loads(told.partition(b"\r\n\r\n")[2])["code"] == "INVALID_INPUT"


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    ],
)
def test_what_is_not_http(client: httpx2.Client, junk: bytes) -> None:
    """400, in the one shape, and the connection ends."""
    told = _raw(client, junk)
    assert told.startswith(b"HTTP/1.1 400")
    assert json.loads(told.partition(b"\r\n\r\n")[2])["code"] == "INVALID_INPUT"


def test_a_body_that_does_not_come_is_given_up(reach: Reach) -> None:
    """408 after the service's timeout."""
    with reach(segmenter_timeout_s=0.5) as client:
        head = b"POST /v1/segment HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        told = _raw(client, head + b"Content-Length: 1000\r\n\r\n--b")
    assert told.startswith(b"HTTP/1.1 408")


def test_a_head_that_does_not_come_is_given_up() -> None:
    """The connection ends; uvicorn alone would keep it for ever."""

    class Hasty(ImpatientProtocol):
        head_s = 0.3

    face = HttpFace(_nobody, "127.0.0.1:0", Hasty)
    face.start()
    try:
        host, _, port = face.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=60) as link:
            link.sendall(b"GET / HTTP/1.1\r\nHo")
            assert _ends(link)
    finally:
        face.stop(grace_s=1)


def _ends(link: socket.socket) -> bool:
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True


async def _nobody(scope: object, receive: object, send: object) -> None:
    raise AssertionError("no request was complete")
