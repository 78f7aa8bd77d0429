"""The Python client of the endpoint and `synres segment --address`, against a running service."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

from services.cli.main import app
from services.segmenter.keys import new_key
from synres.data.images import decode_image, encode_png
from synres.domain.choice import BackendChoice
from synres.errors import InvalidInput, NotFound, PermissionDenied, RejectedItem, Unauthenticated
from synres.rpc.endpoint import Answer, Endpoint, Uploaded
from tests.certificates import write_certificate
from tests.rpc.conftest import Serve

PICTURE = np.full((6, 10, 3), 200, np.uint8)
EXPRESSIONS = ["the man in red", "the dog"]


@pytest.fixture
def keyed(serve: Serve, tmp_path: Path) -> tuple[str, str]:
    """Address and key."""
    key, line = new_key("shop")
    (tmp_path / "keys").write_text(line)
    return serve("segmenter", token="secret", segmenter_keys=tmp_path / "keys"), key


def _turned() -> bytes:
    exif, buffer = PillowImage.Exif(), io.BytesIO()
    exif[0x0112] = 6
    PillowImage.fromarray(PICTURE).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_a_picture_may_be_bytes_a_path_pixels_or_an_upload(keyed: tuple[str, str], tmp_path: Path) -> None:
    """The same answer for the same picture."""
    (tmp_path / "it.png").write_bytes(encode_png(PICTURE))
    with Endpoint(*keyed) as endpoint:
        uploaded = endpoint.upload(PICTURE)
        pictures = (PICTURE, encode_png(PICTURE), tmp_path / "it.png", uploaded)
        answers = [endpoint.segment(picture, EXPRESSIONS) for picture in pictures]
    assert len({tuple(found.rle for found in answer.masks) for answer in answers}) == 1
    first = answers[0].masks[0]
    assert first.mask.shape == answers[0].size == (6, 10)
    assert first.mask.sum() == first.area
    assert answers[0].model.name == "instant"
    assert answers[0].timings_ms["model_ms"] >= 0


def test_several_pictures_each_with_its_outcome(keyed: tuple[str, str]) -> None:
    """An error stands where its answer would."""
    with Endpoint(*keyed) as endpoint:
        good, bad, lost = endpoint.segment_all(
            [(PICTURE, EXPRESSIONS), (b"no picture", ["it"]), (Uploaded("0" * 64), ["it"])]
        )
    assert isinstance(good, Answer)
    assert isinstance(bad, RejectedItem)
    assert bad.reason == "image_unreadable"
    assert isinstance(lost, NotFound)


def test_limits_and_errors_have_classes(keyed: tuple[str, str], tmp_path: Path) -> None:
    """What was wrong is known without reading a message."""
    address, key = keyed
    with Endpoint(address, key) as endpoint:
        too_many = ["it"] * (endpoint.limits().max_expressions + 1)
        with pytest.raises(InvalidInput, match="65 expressions"):
            endpoint.segment(PICTURE, too_many)
        with pytest.raises(InvalidInput, match="are a list"):
            endpoint.segment(PICTURE, "the dog")
        with pytest.raises(PermissionDenied):
            endpoint.segment(PICTURE, EXPRESSIONS, choice=BackendChoice("lisa"))
        with pytest.raises(NotFound):
            endpoint.segment(tmp_path / "absent.png", EXPRESSIONS)
    with Endpoint(address) as stranger, pytest.raises(Unauthenticated, match="Bearer KEY"):
        stranger.segment(PICTURE, EXPRESSIONS)


def test_the_command_shows_what_the_endpoint_found(
    keyed: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Facts as JSON and an overlay of the upright picture, with the key where the token would be."""
    address, key = keyed
    (tmp_path / "it.jpg").write_bytes(_turned())
    monkeypatch.setenv("SYNRES_TOKEN", key)
    words = ["segment", str(tmp_path / "it.jpg"), *EXPRESSIONS, "--address", address, "--json"]
    ended = CliRunner().invoke(app, words, catch_exceptions=False)
    facts = json.loads(ended.stdout)
    assert facts["size"] == [10, 6]
    assert [found["expression"] for found in facts["masks"]] == EXPRESSIONS
    assert facts["model"]["licence"] == "Apache-2.0"
    assert facts["request_id"]
    assert decode_image(Path(facts["overlay"]).read_bytes()).shape == (10, 6, 3)


def test_over_tls(serve: Serve, tmp_path: Path) -> None:
    """With a certificate the whole server speaks it; a client without its root is not let down to less."""
    key, chain = write_certificate(tmp_path)
    address = serve("segmenter", segmenter_tls_certificate=chain, segmenter_tls_key=key)
    port = address.rpartition(":")[2]
    code = (
        "import sys, numpy\nfrom synres.rpc.endpoint import Endpoint\n"
        f"with Endpoint('https://localhost:{port}') as endpoint:\n"
        "    print(endpoint.segment(numpy.zeros((4, 4, 3), 'uint8'), ['it']).size)"
    )
    for roots, code_expected in (({"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(chain)}, 0), ({}, 1)):
        ended = _python(code, roots)
        assert ended.returncode == code_expected, ended.stderr


def _python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True
    )
