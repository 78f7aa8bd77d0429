"""ITAG: expressions of one synthetic picture whose pseudo-masks agree form a group; the rest is dropped.

Everything is computed on run lengths, and the whole agreement matrix is kept in integers: another tau
needs no model, and no pixel is ever decoded. Readings that the paper leaves open are named options of
`GroupParams`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synres.domain import masks
from synres.domain.types import (
    Agreement,
    Dropped,
    Group,
    GroupedImage,
    GroupParams,
    PseudoMask,
    Rle,
    SegmentedImage,
    SynthImage,
    Triplet,
)
from synres.errors import RejectedItem

_LINK = {"connected": np.maximum, "complete": np.minimum}


def itag(segmented: SegmentedImage, params: GroupParams) -> GroupedImage:
    """Groups one picture's pseudo-masks. Raises RejectedItem: "mask_size_mismatch" or "mask_unreadable"."""
    if any(pseudo.mask.size != segmented.synth.size for pseudo in segmented.pseudo_masks):
        raise RejectedItem(
            "mask_size_mismatch", f"a pseudo-mask is not {segmented.synth.size}, its picture's size"
        )
    agreement = agreement_matrix(segmented.pseudo_masks)
    return _grouped(segmented.synth, segmented.pseudo_masks, agreement, params)


def replay(grouped: GroupedImage, params: GroupParams) -> GroupedImage:
    """What `itag` would have said with other parameters, from the kept agreement matrix."""
    return _grouped(grouped.synth, grouped.pseudo_masks, grouped.agreement, params)


def triplets(grouped: GroupedImage) -> list[Triplet]:
    """Each member expression with the consensus mask of its group."""
    return [
        Triplet(
            grouped.synth.item, grouped.synth.image, group.consensus_mask, grouped.pseudo_masks[m].expression
        )
        for group in grouped.groups
        for m in group.members
    ]


def agreement_matrix(pseudo_masks: Sequence[PseudoMask]) -> Agreement:
    """Areas and intersections of all pairs, in pixels; all masks of one size."""
    rles = [pseudo.mask for pseudo in pseudo_masks]
    height, width = masks.common_size(rles) or (0, 0)
    areas, intersections = masks.pairwise_intersections(rles)
    return Agreement(tuple(areas), tuple(tuple(row) for row in intersections), height * width)


def pair_agreement(intersection: int, area_a: int, area_b: int, pixels: int, reading: str = "iou") -> float:
    """Agreement of two masks in [0, 1], correctly rounded: 13 of 20 pixels do reach tau = 0.65.

    "iou": IoU of the foregrounds. "mean_iou": mean of the IoU of foregrounds and of backgrounds. An empty
    union counts 1.
    """
    union = area_a + area_b - intersection
    shared, whole = (intersection, union) if union else (1, 1)
    if reading == "iou":
        return shared / whole
    shared_outside, outside = (pixels - union, pixels - intersection) if pixels > intersection else (1, 1)
    return (shared * outside + shared_outside * whole) / (2 * whole * outside)


def group_expressions(
    pseudo_masks: Sequence[PseudoMask], agreement: Agreement, params: GroupParams
) -> tuple[list[tuple[int, ...]], list[Dropped]]:
    """Groups of indices, each ascending, and what was left out with its reason; both in order of index.

    Clusters merge, best agreement first, while the two best agree by at least tau. "connected": as their
    closest members do, which gives connected components; "complete": as their farthest members do, so that
    every pair of a group agrees. Ties go by counts, then expression, so order of input plays no part.
    """
    full = [i for i, pixels in enumerate(agreement.areas) if pixels]
    full.sort(key=lambda i: (pseudo_masks[i].mask.counts, pseudo_masks[i].expression))
    clusters = [
        sorted(full[k] for k in cluster) for cluster in _clusters(_scores(full, agreement, params), params)
    ]
    groups = sorted(tuple(cluster) for cluster in clusters if len(cluster) >= params.min_members)
    grouped = {i for group in groups for i in group}
    left_out = [i for i in range(len(pseudo_masks)) if i not in grouped]
    return groups, [Dropped(i, "no_consensus" if agreement.areas[i] else "empty_mask") for i in left_out]


def consensus_mask(members: Sequence[Rle], rule: str = "half") -> Rle:
    """Pixels with enough votes: 2 * votes >= members ("half"), or > members ("majority").

    So the "half" consensus of a pair is its union, the "majority" one its intersection (see
    `over_segmentation`). Sweeps the sorted run boundaries: no mask is decoded.
    """
    masks.common_size(members)
    edges = np.sort(np.concatenate([_signed_edges(member) for member in members]))
    votes = np.cumsum(1 - 2 * (edges & 1))
    positions = edges >> 1
    last = np.append(positions[1:] != positions[:-1], True)[: edges.size]
    inside = 2 * votes[last] >= len(members) + (rule == "majority")
    return masks.edges_to_rle(positions[last][np.diff(inside, prepend=False)], members[0].size)


def over_segmentation(members: Sequence[Rle]) -> float:
    """Share of the "half" consensus that the strict "majority" leaves out, in [0, 1]; 0 for odd groups."""
    wide = masks.area(consensus_mask(members, "half"))
    return 1.0 - masks.area(consensus_mask(members, "majority")) / wide if wide else 0.0


def _grouped(
    synth: SynthImage, pseudo_masks: tuple[PseudoMask, ...], agreement: Agreement, params: GroupParams
) -> GroupedImage:
    groups, dropped = group_expressions(pseudo_masks, agreement, params)
    agreed = tuple(
        Group(members, consensus_mask([pseudo_masks[m].mask for m in members], params.consensus))
        for members in groups
    )
    return GroupedImage(synth, pseudo_masks, agreed, tuple(dropped), agreement)


def _scores(order: Sequence[int], agreement: Agreement, params: GroupParams) -> NDArray[np.float64]:
    """Pair agreements above the diagonal, in the given order; -1 elsewhere."""
    scores = np.full((len(order), len(order)), -1.0)
    for a, i in enumerate(order):
        for b, j in enumerate(order[a + 1 :], a + 1):
            common = agreement.intersections[max(i, j)][min(i, j)]
            areas = agreement.areas[i], agreement.areas[j]
            scores[a, b] = pair_agreement(common, *areas, agreement.pixels, params.agreement)
    return scores


def _clusters(scores: NDArray[np.float64], params: GroupParams) -> list[list[int]]:
    link = _LINK[params.linkage]
    clusters = [[k] for k in range(len(scores))]
    linked = np.maximum(scores, scores.T)
    while linked.size and linked.max() >= params.tau:
        # argmax takes the first of equals: that is the tie rule, since the order is by counts and expression.
        a, b = divmod(int(linked.argmax()), len(linked))
        row = link(linked[a], linked[b])
        row[[a, b]] = -1.0
        linked[a], linked[:, a] = row, row
        linked[b], linked[:, b] = -1.0, -1.0
        clusters[a] += clusters[b]
        clusters[b] = []
    return [cluster for cluster in clusters if cluster]


def _signed_edges(rle: Rle) -> NDArray[np.int64]:
    """2 * pixel number at each rise, 2 * pixel number + 1 at each fall: one sort keeps both facts."""
    ends = np.cumsum(masks.runs_of(rle))
    return 2 * ends[:-1] + np.arange(ends.size - 1) % 2
