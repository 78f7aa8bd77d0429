"""Gathers what the contact sheet shows from a finished run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from services.cli.results import Results
from synres.data.contact_sheet import SheetMosaic, SheetRow, draw_contact_sheet
from synres.data.images import decode_image, encode_png
from synres.domain.masks import decode_mask
from synres.domain.types import CaptionedSample, GroupedImage, Sample
from synres.errors import NotFound
from synres.ports import ShardRequest

Row = TypeVar("Row")

ROWS, MOSAICS, DRAWS = 6, 4, 60


def contact_sheet(results: Results, chain: str, subtitle: str) -> bytes:
    """PNG of six pictures of the chain, and of four mosaics of the first arm that trains with it."""
    captioned = _rows(results, "caption", chain, CaptionedSample)
    grouped = _rows(results, "group", chain, GroupedImage)
    if not grouped:
        raise NotFound(f"chain {chain} of run {results.run} holds no picture to show")
    samples = {row.item: row.sample for row in captioned}
    rows = [_sheet_row(results, samples[row.synth.sample_item], row) for row in _chosen(grouped)]
    title = f"SynRES: {results.spec.name}, chain {chain}"
    return encode_png(draw_contact_sheet(title, subtitle, rows, _mosaics(results, chain)))


def _rows(results: Results, stage: str, chain: str, row_type: type[Row]) -> list[Row]:
    digests = results.outputs(stage, chain)
    return [row for digest in digests for row in results.ledger.get_rows(digest, row_type)]


def _chosen(grouped: Sequence[GroupedImage]) -> list[GroupedImage]:
    """One picture of a sample, half of them such that ITAG kept some expressions and dropped others."""
    telling = sorted(grouped, key=lambda row: not (row.groups and row.dropped))
    by_sample: dict[str, GroupedImage] = {}
    for row in telling:
        by_sample.setdefault(row.synth.sample_item, row)
    chosen = list(by_sample.values())
    return [*chosen[: ROWS // 2], *chosen[-(ROWS - ROWS // 2) :]][:ROWS]


def _sheet_row(results: Results, sample: Sample, row: GroupedImage) -> SheetRow:
    group_of = {member: index for index, group in enumerate(row.groups) for member in group.members}
    return SheetRow(
        real=decode_image(results.ledger.get_blob(sample.image.digest)),
        target=decode_mask(sample.mask),
        expressions=tuple(pseudo.expression for pseudo in row.pseudo_masks),
        group=tuple(group_of.get(index) for index in range(len(row.pseudo_masks))),
        synthetic=decode_image(results.ledger.get_blob(row.synth.image.digest)),
        pseudo_masks=tuple(decode_mask(pseudo.mask) for pseudo in row.pseudo_masks),
        consensus=tuple(decode_mask(group.consensus_mask) for group in row.groups),
    )


def _mosaics(results: Results, chain: str) -> list[SheetMosaic]:
    """The first mosaics that the arm's own loader draws, those with several targets first."""
    # the loader comes with torch, which a run without trainings does not need
    from services.trainer.loader import Loader
    from services.trainer.trainable import Shape
    from synres.stages.params import TrainParams, decode_params
    from synres.stages.train import TRAIN, training_rows

    trained = ((name, arm) for name, arm in results.spec.method.arms.items() if arm.steps)
    arm = next((name for name, arm in trained if chain in arm.all_sources), None)
    if arm is None:
        return []
    record = results.ledger.find_record(TRAIN.name, results.records[f"train/{arm}"].action)
    if record is None:
        return []
    action = record.body.action
    request = ShardRequest(TRAIN.name, action.digest(), action.inputs, action.params.encode())
    params = decode_params(request.params, TrainParams)
    loader = Loader(results.ledger, training_rows(results.ledger, request, params), params, Shape(96))
    examples = [e for e in map(loader.example, range(DRAWS)) if e.tiles > 1 and e.targets]
    shown = [SheetMosaic(e.image, *max(e.targets, key=lambda target: target[1].sum())) for e in examples]
    return shown[:MOSAICS]
