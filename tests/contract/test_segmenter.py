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


SHIPPED = ("micro",)
"""Backends that need nothing but the package."""


@pytest.fixture(params=["instant", *SHIPPED, "remote"])
def segmenter(request: pytest.FixtureRequest) -> Iterator[Segmenter]:
    """Each adapter of the port."""
    if request.param == "instant":
        yield InstantSegmenter()
    elif request.param == "remote":
        clients: ClientSettings = request.getfixturevalue("services")
        with SegmenterClient(clients.segmenter_address, timeout_s=60) as client:
            yield RemoteSegmenter(client, BackendChoice("micro"))
    else:
        yield load_backend(BackendChoice(request.param))


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


def test_the_model_says_what_it_is(segmenter: Segmenter) -> None:
    """A digest that an action can name, and a licence to show before a run."""
    assert len(segmenter.model.digest) == 64
    assert segmenter.model.licence
    assert segmenter.model.bitwise


@pytest.mark.parametrize("name", SHIPPED)
def test_bytes_that_are_no_weights_are_corrupt(name: str) -> None:
    """Weights of another model, or a broken file, are said and never half loaded."""
    with pytest.raises(ArtifactCorrupt):
        load_backend(BackendChoice(name), b"not safetensors")


def test_an_unknown_backend_is_not_found() -> None:
    """The message lists what there is."""
    with pytest.raises(NotFound, match="micro"):
        load_backend(BackendChoice("mikro"))
