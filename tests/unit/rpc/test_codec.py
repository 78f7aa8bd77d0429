"""Every codec pair round-trips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synres.domain.types import (
    Agreement,
    ArtifactRef,
    Dropped,
    Group,
    GroupedImage,
    GroupParams,
    ModelInfo,
    PseudoMask,
    Rle,
    SegmentedImage,
    SynthImage,
)
from synres.errors import InvalidInput, RejectedItem
from synres.ports import JobStatus, ObjectView, SceneMask, ShardRequest, ShardResult
from synres.rpc import codec, group_codec
from synres.rpc.grouper.v1 import grouper_pb2
from synres.rpc.stage.v1 import stage_pb2

# protobuf strings are UTF-8, which has no surrogates
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNT = st.integers(0, 2**31 - 1)
FLOAT = st.floats(allow_nan=False)
RLE = st.builds(Rle, st.tuples(COUNT, COUNT), TEXT)
PSEUDO_MASK = st.builds(PseudoMask, TEXT, RLE, st.floats(0, 1))
PARAMS = st.builds(
    GroupParams,
    tau=st.floats(0, 1),
    agreement=st.sampled_from(["iou", "mean_iou"]),
    linkage=st.sampled_from(["connected", "complete"]),
    min_members=st.integers(1, 9),
    consensus=st.sampled_from(["half", "majority"]),
)
SYNTH = SynthImage("item", "sample", ("a",), "a", ArtifactRef("0" * 64, 1, "image/png"), (4, 6))


def _tuples(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=4).map(tuple)


@given(RLE)
def test_rle(rle: Rle) -> None:
    """A mask keeps its size and counts."""
    assert codec.rle_from_proto(codec.rle_to_proto(rle)) == rle


@given(st.builds(ModelInfo, TEXT, TEXT, TEXT, st.booleans()))
def test_model(model: ModelInfo) -> None:
    """A model keeps its digest and claims."""
    assert codec.model_from_proto(codec.model_to_proto(model)) == model


@given(st.builds(ShardRequest, TEXT, TEXT, _tuples(TEXT), st.binary()))
def test_shard_request(request: ShardRequest) -> None:
    """Params stay the bytes that were hashed."""
    assert codec.request_from_proto(codec.request_to_proto(request)) == request


@given(
    st.builds(
        ShardResult, TEXT, st.dictionaries(TEXT, TEXT), st.dictionaries(TEXT, COUNT),
        st.dictionaries(TEXT, FLOAT), st.booleans(), _tuples(st.tuples(TEXT, TEXT)),
    )
)  # fmt: skip
def test_shard_result(result: ShardResult) -> None:
    """Outputs, counts, cost and rejections survive."""
    assert codec.result_from_proto(codec.result_to_proto(result)) == result


@given(
    st.builds(
        JobStatus, st.sampled_from(["running", "succeeded", "failed"]), st.floats(0, 1), TEXT,
        st.dictionaries(TEXT, FLOAT), TEXT,
    )
)  # fmt: skip
def test_job_status(status: JobStatus) -> None:
    """States travel as an enum and come back as words."""
    assert codec.job_status_from_proto(codec.job_status_to_proto(status)) == status


@given(arrays(np.uint8, (5, 7, 3)), arrays(np.bool_, (5, 7)), arrays(np.bool_, (5, 7)), TEXT)
def test_object_view(image: np.ndarray, mask: np.ndarray, other: np.ndarray, category: str) -> None:
    """Pixels travel as PNG, masks as run lengths: both without loss."""
    view = ObjectView(image, mask, category, (SceneMask("other", other),))
    back = codec.view_from_proto(codec.view_to_proto(view))
    assert np.array_equal(back.image, image)
    assert np.array_equal(back.mask, mask)
    assert np.array_equal(back.others[0].mask, other)
    assert (back.category, back.others[0].category) == (category, "other")


def test_a_mask_of_another_size_is_refused() -> None:
    """A mask belongs to its picture."""
    view = ObjectView(np.zeros((4, 4, 3), np.uint8), np.ones((4, 5), np.bool_), "cat")
    with pytest.raises(RejectedItem, match=r"mask is \(4, 5\), picture \(4, 4\)"):
        codec.view_from_proto(codec.view_to_proto(view))


def test_neighbours_that_would_fill_the_memory_are_refused() -> None:
    """Ten bytes of run lengths are a megabyte of mask, and a message has room for a million of them."""
    view = codec.view_to_proto(
        ObjectView(np.zeros((1000, 1000, 3), np.uint8), np.ones((1000, 1000), bool), "cat")
    )
    view.others.extend([stage_pb2.SceneMask(category="dog", mask=view.mask)] * 1100)
    with pytest.raises(InvalidInput, match="1101 masks of 1000 x 1000 in one call; send fewer"):
        codec.view_from_proto(view)


def test_bytes_that_are_no_picture_are_refused() -> None:
    """The picture is checked before anything else is decoded."""
    with pytest.raises(RejectedItem, match="not one of PNG"):
        codec.view_from_proto(stage_pb2.ObjectView(image=b"GIF89a"))


@given(PSEUDO_MASK)
def test_pseudo_mask(pseudo: PseudoMask) -> None:
    """Scores stay doubles."""
    assert group_codec.pseudo_mask_from_proto(group_codec.pseudo_mask_to_proto(pseudo)) == pseudo


@given(PARAMS)
def test_group_params(params: GroupParams) -> None:
    """tau = 0.65 stays 0.65."""
    assert group_codec.params_from_proto(group_codec.params_to_proto(params)) == params


def test_group_params_that_are_not_set_keep_their_defaults() -> None:
    """An absent tau is the paper's, a tau of 0 is 0."""
    assert group_codec.params_from_proto(grouper_pb2.GroupParams()) == GroupParams()
    assert group_codec.params_from_proto(grouper_pb2.GroupParams(tau=0)).tau == 0


@given(
    st.lists(PSEUDO_MASK, max_size=3).map(tuple),
    _tuples(st.builds(Group, _tuples(COUNT), RLE)),
    _tuples(st.builds(Dropped, COUNT, TEXT)),
    st.builds(Agreement, _tuples(COUNT), _tuples(_tuples(COUNT)), COUNT),
)
def test_groups(
    pseudo_masks: tuple[PseudoMask, ...],
    groups: tuple[Group, ...],
    dropped: tuple[Dropped, ...],
    agreement: Agreement,
) -> None:
    """Groups, drops with their reasons and the whole matrix come back for the picture asked about."""
    grouped = GroupedImage(SYNTH, pseudo_masks, groups, dropped, agreement)
    message = group_codec.groups_to_proto(grouped)
    assert group_codec.groups_from_proto(message, SegmentedImage(SYNTH, pseudo_masks)) == grouped
