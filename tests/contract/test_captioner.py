"""The Captioner port: one suite over every backend, and over a backend behind gRPC."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.captioner.backends import NAMES, load_backend
from synres.domain.choice import BackendChoice
from synres.domain.digests import digest_json
from synres.errors import NotFound, RejectedItem
from synres.microworld.datasets import real_validation
from synres.ports import Captioner, FoundExpressions, ObjectView, SceneMask
from synres.rpc.client import CaptionerClient
from synres.settings import ClientSettings
from tests.instant import InstantCaptioner
from tests.remote import RemoteCaptioner

N = 3


COCA = BackendChoice("coca", "test/coca", (("max_tokens", 8), ("view", "crop")))


@pytest.fixture(params=["instant", *NAMES, "remote", "remote coca"])
def captioner(request: pytest.FixtureRequest, tiny_models: None) -> Iterator[Captioner]:
    """Each adapter of the port."""
    if request.param == "instant":
        yield InstantCaptioner()
    elif request.param.startswith("remote"):
        clients: ClientSettings = request.getfixturevalue("services")
        with CaptionerClient(clients.captioner_address, timeout_s=60) as client:
            yield RemoteCaptioner(client, COCA if "coca" in request.param else BackendChoice("attributes"))
    else:
        yield load_backend(COCA if request.param == "coca" else BackendChoice(request.param))


def _views() -> list[ObjectView]:
    picture = next(real_validation(1, 1))
    objects = [SceneMask(name, mask) for name, mask in zip(picture.categories, picture.masks, strict=True)]
    return [
        ObjectView(picture.image, each.mask, each.category, tuple(o for o in objects if o is not each))
        for each in objects
    ]


def _caption(captioner: Captioner, view: ObjectView, seed: int) -> FoundExpressions | str:
    try:
        return captioner.caption(view, N, seed)
    except RejectedItem as rejected:
        return rejected.reason


def test_n_distinct_expressions_or_a_reason(captioner: Captioner) -> None:
    """Never twice the same, never empty; fewer than n say why; some object of a picture can be told."""
    answers = [_caption(captioner, view, seed=5) for view in _views()]
    told = [answer for answer in answers if isinstance(answer, FoundExpressions) and answer.expressions]
    assert told
    for found in told:
        assert len(set(found.expressions)) == len(found.expressions) <= N
        assert all(found.expressions)
        assert bool(found.shortfall) == (len(found.expressions) < N)
    assert {answer for answer in answers if isinstance(answer, str)} <= {"too_few_expressions"}


def test_equal_input_gives_equal_expressions(captioner: Captioner) -> None:
    """A function of view, n and seed: in any order, on any worker."""
    views = _views()
    forth = [_caption(captioner, view, seed=2**63 - 1) for view in views]
    back = [_caption(captioner, view, seed=2**63 - 1) for view in reversed(views)]
    assert forth == back[::-1]


def test_the_model_says_what_it_is(captioner: Captioner) -> None:
    """A digest that an action can name, and a licence to show before a run."""
    assert len(captioner.model.digest) == len(digest_json(""))
    assert captioner.model.licence
    assert captioner.model.bitwise


def test_an_unknown_backend_is_not_found() -> None:
    """The message lists what there is."""
    with pytest.raises(NotFound, match="attributes"):
        load_backend(BackendChoice("atributes"))
