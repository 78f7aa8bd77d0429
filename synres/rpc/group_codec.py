"""Pseudo-masks and groups <-> protobuf: what only the Group call carries."""

from __future__ import annotations

from collections.abc import Sequence

from synres.domain.types import (
    Agreement,
    ArtifactRef,
    Dropped,
    Group,
    GroupedImage,
    GroupParams,
    PseudoMask,
    SegmentedImage,
    SynthImage,
)
from synres.rpc.codec import rle_from_proto, rle_to_proto
from synres.rpc.grouper.v1 import grouper_pb2

NO_IMAGE = ArtifactRef("", 0, "")


def pseudo_mask_to_proto(pseudo: PseudoMask) -> grouper_pb2.PseudoMask:
    return grouper_pb2.PseudoMask(
        expression=pseudo.expression, mask=rle_to_proto(pseudo.mask), score=pseudo.score
    )


def pseudo_mask_from_proto(message: grouper_pb2.PseudoMask) -> PseudoMask:
    return PseudoMask(message.expression, rle_from_proto(message.mask), message.score)


def params_to_proto(params: GroupParams) -> grouper_pb2.GroupParams:
    return grouper_pb2.GroupParams(
        tau=params.tau,
        agreement=params.agreement,
        linkage=params.linkage,
        min_members=params.min_members,
        consensus=params.consensus,
    )


def params_from_proto(message: grouper_pb2.GroupParams) -> GroupParams:
    """Fields that are not set keep their defaults; `GroupParams` checks the others (InvalidInput)."""
    return GroupParams(**{field.name: value for field, value in message.ListFields()})


def groups_to_proto(grouped: GroupedImage) -> grouper_pb2.GroupResponse:
    return grouper_pb2.GroupResponse(
        groups=[
            grouper_pb2.Group(members=group.members, consensus_mask=rle_to_proto(group.consensus_mask))
            for group in grouped.groups
        ],
        dropped=[grouper_pb2.Dropped(member=drop.member, reason=drop.reason) for drop in grouped.dropped],
        agreement=grouper_pb2.Agreement(
            areas=grouped.agreement.areas,
            rows=[grouper_pb2.AgreementRow(intersections=row) for row in grouped.agreement.intersections],
            pixels=grouped.agreement.pixels,
        ),
    )


def groups_from_proto(message: grouper_pb2.GroupResponse, segmented: SegmentedImage) -> GroupedImage:
    """The answer for `segmented`, which the message does not repeat."""
    agreement = Agreement(
        tuple(message.agreement.areas),
        tuple(tuple(row.intersections) for row in message.agreement.rows),
        message.agreement.pixels,
    )
    return GroupedImage(
        segmented.synth,
        segmented.pseudo_masks,
        tuple(Group(tuple(group.members), rle_from_proto(group.consensus_mask)) for group in message.groups),
        tuple(Dropped(drop.member, drop.reason) for drop in message.dropped),
        agreement,
    )


def bare_segmented(pseudo_masks: Sequence[PseudoMask]) -> SegmentedImage:
    """Pseudo-masks as the grouper takes them, of a picture that nobody needs to see."""
    expressions = tuple(pseudo.expression for pseudo in pseudo_masks)
    size = pseudo_masks[0].mask.size if pseudo_masks else (0, 0)
    synth = SynthImage("", "", expressions, "", NO_IMAGE, size)
    return SegmentedImage(synth, tuple(pseudo_masks))
