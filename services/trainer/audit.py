"""ITAG against exact masks, for generators that leave them in an "oracle" artifact.

Part of evaluation: nothing else may read that artifact, and no triplet changes when it is deleted.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from synres.domain.itag import over_segmentation, replay
from synres.domain.masks import area, iou
from synres.domain.types import Expression, Group, GroupedImage, GroupParams, Rle, Triplet
from synres.errors import ArtifactMissing
from synres.ledger.ledger import Ledger

Audited = tuple[GroupedImage, Mapping[Expression, Rle]]
"""A picture and its exact masks."""


@dataclass(frozen=True, slots=True)
class ItagRow:
    """One setting. Shares and IoU in [0, 1]; None where nothing was kept.

    `true_share`: kept expressions that name something in the picture. `before`, `after`: mean IoU of the kept
    expressions' pseudo-masks, and of their consensus masks, with the exact masks. `over_segmentation`: mean
    share of a group's consensus that a strict majority leaves out.
    """

    setting: str
    kept_share: float
    true_share: float | None
    before: float | None
    after: float | None
    over_segmentation: float | None


@dataclass(frozen=True, slots=True)
class ItagAudit:
    """`error_correlation`: of 1 - IoU of two expressions of one picture, in [-1, 1]; None without spread.

    Averaging helps as far as errors are independent, so this number belongs beside every result of ITAG.
    """

    expressions: int
    error_correlation: float | None
    rows: tuple[ItagRow, ...]


def audit_itag(
    ledger: Ledger, grouped: Iterable[str], oracles: Iterable[str], params: GroupParams, taus: Sequence[float]
) -> ItagAudit | None:
    """`grouped` and `oracles`: digests of a chain's rows. None if there is no oracle, or it was deleted.

    Other `taus` than the chain's are replayed from the agreement that its records keep.
    """
    try:
        exact = _exact_masks(ledger, oracles)
    except ArtifactMissing:
        return None
    rows = [row for digest in grouped for row in ledger.get_rows(digest, GroupedImage)]
    audited = [(row, exact[row.synth.item]) for row in rows if row.synth.item in exact]
    if not audited:
        return None
    settings = {f"tau {tau:g}": replace(params, tau=tau) for tau in sorted({*taus, params.tau})}
    table = [_row("no ITAG", [(row, _alone(row), masks) for row, masks in audited])]
    for name, setting in settings.items():
        table.append(_row(name, [(row, replay(row, setting).groups, masks) for row, masks in audited]))
    expressions = sum(len(row.pseudo_masks) for row, _ in audited)
    return ItagAudit(expressions, _error_correlation(audited), tuple(table))


def _exact_masks(ledger: Ledger, oracles: Iterable[str]) -> dict[str, dict[Expression, Rle]]:
    exact: dict[str, dict[Expression, Rle]] = {}
    for digest in oracles:
        for row in ledger.get_rows(digest, Triplet):
            exact.setdefault(row.item, {})[row.expression] = row.mask
    return exact


def _alone(row: GroupedImage) -> tuple[Group, ...]:
    """Every pseudo-mask with foreground, as a group of its own."""
    return tuple(Group((i,), p.mask) for i, p in enumerate(row.pseudo_masks) if row.agreement.areas[i])


def _row(
    setting: str, pictures: Sequence[tuple[GroupedImage, Sequence[Group], Mapping[Expression, Rle]]]
) -> ItagRow:
    true, before, after, spill = [], [], [], []
    for row, groups, exact in pictures:
        for group in groups:
            members = [row.pseudo_masks[m] for m in group.members]
            spill.append(over_segmentation([member.mask for member in members]))
            for member in members:
                wanted = exact[member.expression]
                true.append(area(wanted) > 0)
                before.append(iou(member.mask, wanted))
                after.append(iou(group.consensus_mask, wanted))
    whole = sum(len(row.pseudo_masks) for row, _, _ in pictures)
    return ItagRow(setting, len(true) / whole, _mean(true), _mean(before), _mean(after), _mean(spill))


def _error_correlation(audited: Sequence[Audited]) -> float | None:
    """Over all ordered pairs within a picture."""
    first, second = [], []
    for row, exact in audited:
        errors = [1 - iou(p.mask, exact[p.expression]) for p in row.pseudo_masks]
        for i, a in enumerate(errors):
            for j, b in enumerate(errors):
                if i != j:
                    first.append(a)
                    second.append(b)
    if len(set(first)) < 2:
        return None
    return statistics.correlation(first, second)


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
