"""The laws of ITAG, and its decisions worked by hand."""

import dataclasses
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres.domain import masks
from synres.domain.itag import consensus_mask, itag, over_segmentation, pair_agreement, replay, triplets
from synres.domain.types import Dropped, GroupParams, SegmentedImage
from synres.errors import InvalidInput, RejectedItem
from tests.unit.domain.strategies import WORDS, mask_arrays, mask_lists, segmented

params_strategy = st.builds(
    GroupParams,
    tau=st.sampled_from([0.0, 0.2, 0.5, 0.65, 0.9, 1.0]),
    agreement=st.sampled_from(["iou", "mean_iou"]),
    linkage=st.sampled_from(["connected", "complete"]),
    min_members=st.integers(1, 3),
    consensus=st.sampled_from(["half", "majority"]),
)


def rows(*spans, width=200):
    """One-row masks, each a span [start, end)."""
    columns = np.arange(width)[None, :]
    return [(columns >= start) & (columns < end) for start, end in spans]


def spoken(grouped):
    """Groups as sets of (expression, consensus), and drops as (expression, reason)."""
    names = [pseudo.expression for pseudo in grouped.pseudo_masks]
    groups = {(frozenset(names[m] for m in g.members), g.consensus_mask) for g in grouped.groups}
    return groups, {(names[d.member], d.reason) for d in grouped.dropped}


def members(grouped):
    return [group.members for group in grouped.groups]


def test_worked_pair():
    """A = 100, B = 120, overlap 80: IoU 80/140; of 200 pixels the background adds 60/120."""
    assert pair_agreement(80, 100, 120, 200) == 80 / 140
    assert pair_agreement(80, 100, 120, 200, "mean_iou") == pytest.approx((80 / 140 + 60 / 120) / 2)


def test_exactly_tau_is_enough():
    """13 of 20 pixels are 0.65, not a hair below it."""
    assert pair_agreement(13, 13, 20, 100) >= 0.65
    assert members(itag(segmented(rows((0, 13), (0, 20))), GroupParams(tau=0.65))) == [(0, 1)]


def test_an_empty_union_agrees():
    """Two full masks have no background to disagree about."""
    assert pair_agreement(9, 9, 9, 9, "mean_iou") == 1.0


@given(mask_arrays(shape=(4, 5)), mask_arrays(shape=(4, 5)), st.sampled_from(["iou", "mean_iou"]))
def test_agreement_is_that_of_dense_masks(a, b, reading):
    """Both readings, from integers, equal the ratios of the dense masks."""
    scores = [(x & y).sum() / (x | y).sum() if (x | y).any() else 1.0 for x, y in ((a, b), (~a, ~b))]
    expected = scores[0] if reading == "iou" else sum(scores) / 2
    found = pair_agreement(int((a & b).sum()), int(a.sum()), int(b.sum()), a.size, reading)
    assert found == pytest.approx(expected, abs=1e-15)


def test_chain_splits_under_complete_linkage():
    """A agrees with B and B with C, but A not with C: one component, yet no clique of three."""
    chain = segmented(rows((0, 100), (20, 120), (40, 140)))
    assert members(itag(chain, GroupParams(tau=0.65))) == [(0, 1, 2)]
    pairs = itag(chain, GroupParams(tau=0.65, linkage="complete"))
    assert [len(group) for group in members(pairs)] == [2]
    assert [drop.reason for drop in pairs.dropped] == ["no_consensus"]


def test_the_order_of_expressions_decides_no_tie():
    """B agrees as well with A as with C, and the two not with each other: in any order the same pair."""
    image, params = segmented(rows((0, 10), (2, 12), (4, 14))), GroupParams(tau=0.65, linkage="complete")
    turned = [dataclasses.replace(image, pseudo_masks=order) for order in permutations(image.pseudo_masks)]
    found = [spoken(itag(each, params)) for each in turned]
    assert found == [found[0]] * 6 and len(found[0][0]) == 1


def test_every_drop_has_its_reason():
    """An empty mask and a lonely one are told apart."""
    grouped = itag(segmented(rows((0, 10), (0, 10), (0, 0), (50, 90))), GroupParams())
    assert members(grouped) == [(0, 1)]
    assert grouped.dropped == (Dropped(2, "empty_mask"), Dropped(3, "no_consensus"))


def test_empty_masks_never_join_each_other():
    """Two empty masks agree on nothing, whatever tau."""
    grouped = itag(segmented(rows((0, 0), (0, 0))), GroupParams(tau=0.0, min_members=1))
    assert [drop.reason for drop in grouped.dropped] == ["empty_mask", "empty_mask"]


def test_consensus_of_a_pair_is_its_union():
    """Half the votes of two is one; the strict majority of two is both. A third of the union is excess."""
    pair = [masks.encode_mask(mask) for mask in rows((0, 100), (20, 120))]
    assert masks.area(consensus_mask(pair)) == 120
    assert masks.area(consensus_mask(pair, "majority")) == 80
    assert over_segmentation(pair) == pytest.approx(1 / 3)


def test_over_segmentation_of_nothing_is_nought():
    """Empty masks have no excess."""
    assert over_segmentation([masks.encode_mask(np.zeros((2, 2), bool))] * 2) == 0.0


@given(mask_lists(), st.sampled_from(["half", "majority"]))
def test_consensus_is_the_vote_of_dense_masks(arrays, rule):
    """Sweeping run boundaries gives, byte for byte, the encoded vote of the dense masks."""
    votes = 2 * np.sum(arrays, axis=0)
    dense = votes >= len(arrays) if rule == "half" else votes > len(arrays)
    assert consensus_mask([masks.encode_mask(a) for a in arrays], rule) == masks.encode_mask(dense)


@given(mask_lists(), params_strategy, st.randoms(use_true_random=False))
def test_order_of_expressions_does_not_matter(arrays, params, random):
    """Shuffled pseudo-masks give the same groups, consensus masks and reasons."""
    image = segmented(arrays)
    shuffled = list(image.pseudo_masks)
    random.shuffle(shuffled)
    turned = dataclasses.replace(image, pseudo_masks=tuple(shuffled))
    assert spoken(itag(image, params)) == spoken(itag(turned, params))


@given(mask_lists(), params_strategy)
def test_tau_of_one_groups_only_equal_masks(arrays, params):
    """At tau = 1 the members of a group have the same bytes, which are also the consensus."""
    grouped = itag(segmented(arrays), dataclasses.replace(params, tau=1.0))
    for group in grouped.groups:
        assert {grouped.pseudo_masks[m].mask for m in group.members} == {group.consensus_mask}


@given(mask_lists(), params_strategy)
def test_consensus_lies_inside_the_union_of_its_members(arrays, params):
    """No pixel that no member has."""
    grouped = itag(segmented(arrays), params)
    for group in grouped.groups:
        union = masks.union([grouped.pseudo_masks[m].mask for m in group.members])
        assert masks.union([union, group.consensus_mask]) == union


@given(mask_lists(), params_strategy, st.floats(0, 1), st.floats(0, 1))
def test_raising_tau_never_merges_groups(arrays, params, low, high):
    """Each group at the higher tau lies within one group at the lower."""
    low, high = sorted((low, high))
    image = segmented(arrays)
    fine, coarse = (itag(image, dataclasses.replace(params, tau=tau, min_members=1)) for tau in (high, low))
    for group in fine.groups:
        assert any(set(group.members) <= set(wide.members) for wide in coarse.groups)


@given(mask_lists(), params_strategy)
def test_groups_and_drops_share_out_all_masks(arrays, params):
    """Every pseudo-mask is in one group or dropped once, and groups are large enough."""
    grouped = itag(segmented(arrays), params)
    told = [m for group in grouped.groups for m in group.members] + [d.member for d in grouped.dropped]
    assert sorted(told) == list(range(len(arrays)))
    assert all(len(group.members) >= params.min_members for group in grouped.groups)


@given(mask_lists(), params_strategy)
def test_connected_groups_are_the_components_of_the_graph(arrays, params):
    """Against a plain flood fill over the pairs that reach tau."""
    params = dataclasses.replace(params, linkage="connected", min_members=1)
    grouped = itag(segmented(arrays), params)
    expected, left = set(), [i for i, array in enumerate(arrays) if array.any()]
    while left:
        component, border = set(), {left[0]}
        while border:
            component |= border
            border = {j for i in border for j in left if _agree(arrays[i], arrays[j], params)} - component
        expected.add(tuple(sorted(component)))
        left = [i for i in left if i not in component]
    assert set(members(grouped)) == expected


@given(mask_lists(), params_strategy)
def test_complete_groups_agree_in_every_pair(arrays, params):
    """Under complete linkage the farthest pair of a group still reaches tau."""
    params = dataclasses.replace(params, linkage="complete")
    for group in itag(segmented(arrays), params).groups:
        assert all(_agree(arrays[i], arrays[j], params) for i in group.members for j in group.members)


@given(mask_lists(), params_strategy, params_strategy)
def test_replay_needs_only_the_record(arrays, first, second):
    """The kept matrix under other parameters says what a fresh run would say."""
    image = segmented(arrays)
    assert replay(itag(image, first), second) == itag(image, second)


def test_triplets_take_the_consensus_mask():
    """Each member expression becomes a triplet with the mask its group agreed on."""
    grouped = itag(segmented(rows((0, 100), (10, 100), (150, 160))), GroupParams())
    assert [(t.expression, t.mask) for t in triplets(grouped)] == [
        (expression, grouped.groups[0].consensus_mask) for expression in WORDS[:2]
    ]
    assert {(t.item, t.image) for t in triplets(grouped)} == {("item", grouped.synth.image)}


def test_a_picture_without_masks_has_no_groups():
    """Nothing in, nothing out, and the record is whole."""
    grouped = itag(segmented([]), GroupParams())
    assert (grouped.groups, grouped.dropped, grouped.agreement.areas) == ((), (), ())


def test_masks_of_another_size_than_the_picture_are_rejected():
    """A pseudo-mask must have its picture's size."""
    image = segmented(rows((0, 10)))
    wrong = SegmentedImage(dataclasses.replace(image.synth, size=(2, 100)), image.pseudo_masks)
    with pytest.raises(RejectedItem) as caught:
        itag(wrong, GroupParams())
    assert caught.value.reason == "mask_size_mismatch"


@pytest.mark.parametrize(
    "knobs",
    [
        {"tau": 1.5},
        {"tau": float("nan")},
        {"agreement": "dice"},
        {"linkage": "ward"},
        {"min_members": 0},
        {"consensus": "all"},
    ],
)
def test_unknown_knobs_are_refused(knobs):
    """The message names the knob and the values it takes."""
    with pytest.raises(InvalidInput, match=next(iter(knobs))):
        GroupParams(**knobs)


def _agree(a, b, params):
    found = pair_agreement(int((a & b).sum()), int(a.sum()), int(b.sum()), a.size, params.agreement)
    return found >= params.tau
