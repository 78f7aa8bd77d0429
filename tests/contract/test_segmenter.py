"""The Segmenter port: one suite over every backend, and over a backend behind gRPC."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from services.segmenter.backends import load_backend
from synres.domain.choice import BackendChoice
from synres.errors import ArtifactCorrupt, NotFound
from synres.microworld.datasets import real_validation
from synres.ports import Segmenter
from synres.rpc.client import SegmenterClient
from synres.settings import ClientSettings
from tests.instant import InstantSegmenter
from tests.remote import RemoteSegmenter

EXPRESSIONS = ("the red circle", "the square", "the large star")
IMAGE = next(real_validation(3, 1)).image


BITWISE = ("instant", "micro", "remote")
"""Adapters that claim equal bytes on every machine; the others promise it for one machine."""
FROM_FOLDERS = {
    "clipseg": BackendChoice("clipseg", "tiny/clipseg"),
    "sam3": BackendChoice("sam3", "tiny/sam3"),
    "onnx": BackendChoice("onnx", "micro-onnx"),
    "lisa": BackendChoice("lisa", "tiny/lisa"),
    "gsva": BackendChoice("gsva", "tiny/gsva", (("base", "tiny/gsva-base"),)),
    "glamm": BackendChoice("glamm", "tiny/glamm", (("protocol", "teacher_forced"),)),
}
TRAINED = {"micro": BackendChoice("micro")} | {n: FROM_FOLDERS[n] for n in ("lisa", "gsva", "glamm")}


@pytest.fixture(scope="module", params=["instant", "micro", "remote", *FROM_FOLDERS])
def name(request: pytest.FixtureRequest) -> str:
    """Of an adapter."""
    return str(request.param)


@pytest.fixture(scope="module")
def segmenter(name: str, request: pytest.FixtureRequest) -> Iterator[Segmenter]:
    """Each adapter of the port, loaded once."""
    if name == "instant":
        yield InstantSegmenter()
    elif name == "remote":
        clients: ClientSettings = request.getfixturevalue("services")
        with SegmenterClient(clients.segmenter_address, timeout_s=60) as client:
            yield RemoteSegmenter(client, BackendChoice("micro"))
    elif name in FROM_FOLDERS:
        request.getfixturevalue("tiny_segmenters")
        yield load_backend(FROM_FOLDERS[name])
    else:
        yield load_backend(BackendChoice(name))


@pytest.mark.parametrize(
    "image", [IMAGE, IMAGE[:50, :31], np.repeat(IMAGE, 3, axis=0)], ids=["square", "odd", "tall"]
)
def test_one_mask_of_the_pictures_size_for_each_expression(segmenter: Segmenter, image: np.ndarray) -> None:
    """bool, full size, with a score in [0, 1]."""
    found = segmenter.segment(image, EXPRESSIONS)
    assert [guess.mask.shape for guess in found] == [image.shape[:2]] * len(EXPRESSIONS)
    assert {guess.mask.dtype for guess in found} == {np.dtype(np.bool_)}
    assert all(0 <= guess.score <= 1 for guess in found)


def test_equal_input_gives_equal_masks(segmenter: Segmenter) -> None:
    """The expressions of one picture are the batch; the same batch gives the same bytes."""
    first, second = segmenter.segment(IMAGE, EXPRESSIONS), segmenter.segment(IMAGE, EXPRESSIONS)
    assert all(
        np.array_equal(a.mask, b.mask) and a.score == b.score for a, b in zip(first, second, strict=True)
    )


def test_no_expressions_no_masks(segmenter: Segmenter) -> None:
    """Nothing asked, nothing answered."""
    assert segmenter.segment(IMAGE, []) == []


def test_the_model_says_what_it_is(segmenter: Segmenter, name: str) -> None:
    """A digest that an action can name, a licence to show before a run, and what it claims of its bytes."""
    assert len(segmenter.model.digest) == 64
    assert segmenter.model.licence
    assert segmenter.model.bitwise == (name in BITWISE)


@pytest.mark.parametrize("trained", TRAINED)
@pytest.mark.usefixtures("tiny_segmenters")
def test_bytes_that_are_no_weights_are_corrupt(trained: str) -> None:
    """Weights of another model, or a broken file, are said and never half loaded."""
    with pytest.raises(ArtifactCorrupt):
        load_backend(TRAINED[trained], b"not safetensors")


def test_an_unknown_backend_is_not_found() -> None:
    """The message lists what there is."""
    with pytest.raises(NotFound, match="micro"):
        load_backend(BackendChoice("mikro"))
