"""The Grouper port: ITAG in process and behind gRPC say the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from services.grouper.backends import load_backend
from synres.domain.choice import BackendChoice
from synres.domain.masks import encode_mask
from synres.domain.types import ArtifactRef, GroupParams, PseudoMask, SegmentedImage, SynthImage
from synres.errors import NotFound
from synres.ports import Grouper
from synres.rpc.client import GrouperClient
from synres.settings import ClientSettings
from tests.remote import RemoteGrouper

SHIPPED = ("itag",)
"""Backends that need nothing but the package."""


@pytest.fixture(params=[*SHIPPED, "remote"])
def grouper(request: pytest.FixtureRequest) -> Iterator[Grouper]:
    """Each adapter of the port."""
    if request.param == "remote":
        clients: ClientSettings = request.getfixturevalue("services")
        with GrouperClient(clients.grouper_address, timeout_s=60) as client:
            yield RemoteGrouper(client, BackendChoice("itag"))
    else:
        yield load_backend(BackendChoice(request.param))


def _segmented() -> SegmentedImage:
    masks = [np.zeros((10, 12), np.bool_) for _ in range(4)]
    masks[0][:4], masks[1][:5], masks[2][7:] = True, True, True
    names = ("a", "b", "c", "d")
    image = ArtifactRef("0" * 64, 1, "image/png")
    pseudo_masks = tuple(PseudoMask(n, encode_mask(m), 0.5) for n, m in zip(names, masks, strict=True))
    return SegmentedImage(SynthImage("item", "sample", names, "a, b", image, (10, 12)), pseudo_masks)


def test_agreeing_masks_form_a_group_and_the_rest_has_reasons(grouper: Grouper) -> None:
    """IoU 4/5 agrees at 0.65; another place is no consensus; nothing at all is an empty mask."""
    grouped = grouper.group(_segmented(), GroupParams())
    assert [group.members for group in grouped.groups] == [(0, 1)]
    assert [(drop.member, drop.reason) for drop in grouped.dropped] == [
        (2, "no_consensus"),
        (3, "empty_mask"),
    ]
    assert grouped.synth == _segmented().synth
    assert grouped.agreement.areas == (48, 60, 36, 0)


def test_a_higher_tau_keeps_less(grouper: Grouper) -> None:
    """At 0.9 the two no longer agree."""
    assert grouper.group(_segmented(), GroupParams(tau=0.9)).groups == ()


def test_no_masks_no_groups(grouper: Grouper) -> None:
    """Nothing can agree with nothing."""
    bare = SegmentedImage(_segmented().synth, ())
    assert grouper.group(bare, GroupParams()).groups == ()


def test_the_model_says_what_it_is(grouper: Grouper) -> None:
    """A digest that an action can name: the version of the code."""
    assert grouper.model == load_backend(BackendChoice("itag")).model


def test_an_unknown_backend_is_not_found() -> None:
    """The message lists what there is."""
    with pytest.raises(NotFound, match="itag"):
        load_backend(BackendChoice("tag"))
