"""The ImageGenerator port: one suite over every backend, and over a backend behind gRPC."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from services.generator.backends import load_backend
from synres.domain.choice import BackendChoice, choose
from synres.domain.prompts import composite_prompt
from synres.errors import NotFound
from synres.microworld.datasets import real_validation
from synres.models.folders import folder_of, register_folder
from synres.ports import GeneratorInput, ImageGenerator, ObjectView
from synres.rpc.client import GeneratorClient
from synres.settings import ClientSettings
from tests.instant import InstantGenerator
from tests.remote import RemoteGenerator
from tests.tiny_sana import write_sana

EXPRESSIONS = ("the red circle", "the small red circle")


SHIPPED = ("cutpaste", "micro", "procedural")
"""Backends that need nothing but the package."""


@pytest.fixture(params=["instant", *SHIPPED, "sana", "remote"])
def generator(request: pytest.FixtureRequest) -> Iterator[ImageGenerator]:
    """Each adapter of the port."""
    if request.param == "instant":
        yield InstantGenerator()
    elif request.param == "remote":
        clients: ClientSettings = request.getfixturevalue("services")
        with GeneratorClient(clients.generator_address, timeout_s=60) as client:
            yield RemoteGenerator(client, BackendChoice("procedural"))
    elif request.param == "sana":
        request.getfixturevalue("models_dir")
        register_folder(write_sana(folder_of("tiny/sana")), "tiny/sana", "sana", "MIT")
        yield load_backend(choose("sana", "tiny/sana", {"steps": 1, "precision": "fp32"}))
    else:
        yield load_backend(BackendChoice(request.param))


def _input() -> GeneratorInput:
    picture = next(real_validation(2, 1))
    view = ObjectView(picture.image, picture.masks[0], picture.categories[0])
    return GeneratorInput(composite_prompt(EXPRESSIONS), EXPRESSIONS, view)


def test_one_picture_for_each_seed(generator: ImageGenerator) -> None:
    """RGB bytes, and exact masks of the picture's size where a renderer knows them."""
    pictures = generator.generate(_input(), [1, 2, 3])
    assert len(pictures) == 3
    for picture in pictures:
        assert (picture.image.dtype, picture.image.shape[2]) == (np.uint8, 3)
        assert {mask.shape for mask in picture.exact_masks or ()} <= {picture.image.shape[:2]}
        assert picture.exact_masks is None or len(picture.exact_masks) == len(EXPRESSIONS)


def test_a_picture_is_a_function_of_its_own_seed(generator: ImageGenerator) -> None:
    """Alone or in any company, byte for byte."""
    together = generator.generate(_input(), [7, 2**63 - 1])
    alone = generator.generate(_input(), [2**63 - 1])
    assert np.array_equal(together[1].image, alone[0].image)
    assert not np.array_equal(together[0].image, together[1].image)


def test_no_seeds_no_pictures(generator: ImageGenerator) -> None:
    """m = 0 is no error of the backend."""
    assert generator.generate(_input(), []) == []


def test_the_model_says_what_it_is(generator: ImageGenerator) -> None:
    """A digest that an action can name, and a licence to show before a run."""
    assert len(generator.model.digest) == 64
    assert generator.model.licence
    assert generator.model.bitwise == (generator.model.name != "tiny/sana")


def test_an_unknown_backend_is_not_found() -> None:
    """The message lists what there is."""
    with pytest.raises(NotFound, match="procedural"):
        load_backend(BackendChoice("proceduarl"))
