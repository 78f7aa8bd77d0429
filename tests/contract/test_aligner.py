"""The Aligner port: one suite over every backend, and over backends behind gRPC."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from services.captioner.backends import ALIGNERS, load_aligner
from synres.domain.choice import BackendChoice
from synres.errors import InvalidInput, NotFound
from synres.microworld.render import render
from synres.microworld.scene import random_scene
from synres.ports import Aligner, Image
from synres.rpc.client import AlignerClient
from synres.settings import ClientSettings
from tests.instant import InstantAligner
from tests.remote import RemoteAligner

EXPRESSIONS = ["the red circle", "the large striped star", "the small blue square"]
CHOICES = {"coca": BackendChoice("coca", "test/coca"), "micro": BackendChoice("micro")}


@pytest.fixture(params=["instant", *ALIGNERS, *(f"remote {name}" for name in ALIGNERS)])
def aligner(request: pytest.FixtureRequest, tiny_models: None) -> Iterator[Aligner]:
    """Each adapter of the port."""
    if request.param == "instant":
        yield InstantAligner()
    elif request.param.startswith("remote"):
        clients: ClientSettings = request.getfixturevalue("services")
        with AlignerClient(clients.captioner_address, timeout_s=60) as client:
            yield RemoteAligner(client, CHOICES[request.param.removeprefix("remote ")])
    else:
        yield load_aligner(CHOICES[request.param])


def _picture(seed: int = 0) -> Image:
    return render(random_scene(np.random.default_rng(seed), (4, 4)))[0]


def test_one_finite_score_for_each_expression(aligner: Aligner) -> None:
    """In order; for no expression there is none."""
    scores = aligner.scores(_picture(), EXPRESSIONS)
    assert len(scores) == len(EXPRESSIONS)
    assert np.isfinite(scores).all()
    assert len(set(scores)) == len(EXPRESSIONS)
    assert aligner.scores(_picture(), []) == []


def test_equal_input_gives_equal_scores(aligner: Aligner) -> None:
    """A function of picture and expressions, whatever was scored before."""
    before = aligner.scores(_picture(1), EXPRESSIONS)
    aligner.scores(_picture(2), EXPRESSIONS[:1])
    assert aligner.scores(_picture(1), EXPRESSIONS) == before


def test_a_picture_of_any_shape_is_scored(aligner: Aligner) -> None:
    """Generators paint squares, and people bring other pictures."""
    assert np.isfinite(aligner.scores(_picture()[:60], EXPRESSIONS)).all()


def test_the_model_says_what_it_is(aligner: Aligner) -> None:
    """A digest of its own: the same weights do other work here than in a captioner."""
    assert len(aligner.model.digest) == 64
    assert aligner.model.licence
    assert aligner.model.bitwise


def test_unknown_backends_and_options_are_refused() -> None:
    """The message lists what there is."""
    with pytest.raises(NotFound, match="coca, micro"):
        load_aligner(BackendChoice("attributes"))
    with pytest.raises(InvalidInput, match="no options"):
        load_aligner(BackendChoice("coca", options=(("top_p", 0.5),)))
