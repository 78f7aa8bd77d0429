"""align: synthetic image x its expressions -> how well each fits; what was not painted goes no further.

The paper names it as its break condition: a generator that does not paint what was asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from synres.data.images import decode_image
from synres.domain.types import AlignedExpression, AlignedImage, Rejection, SynthImage
from synres.errors import RejectedItem
from synres.ledger.ledger import Ledger
from synres.ports import Aligner, ShardRequest, ShardResult
from synres.stages.params import AlignParams, decode_params
from synres.stages.shard import Check, Computed, StageCode, map_rows, never_stop, run_shard

ALIGN = StageCode("align", 1)
NOT_RENDERED = "not_rendered"


def run_align_shard(
    ledger: Ledger, aligner: Aligner, request: ShardRequest, check: Check = never_stop
) -> ShardResult:
    """Rows of SynthImage -> "rows" of SynthImage with the expressions that fit; "alignment" has all scores.

    An image that no expression fits is rejected as `not_rendered`; its scores stay.
    """
    params = decode_params(request.params, AlignParams)

    def work() -> Computed:
        computed = Computed()
        synths = ledger.get_rows(request.inputs[0], SynthImage)
        align = lambda synth: [(synth, _align(ledger, aligner, params, synth, computed))]
        pairs = map_rows(synths, align, lambda s: s.item, check, computed)
        rows = [kept for synth, aligned in pairs for kept in _kept(synth, aligned, computed)]
        aligned = [aligned for _, aligned in pairs]
        computed.outputs = {
            "rows": ledger.put_rows(rows).digest,
            "alignment": ledger.put_rows(aligned).digest,
        }
        dropped = sum(bool(e.dropped) for row in aligned for e in row.expressions)
        computed.counts = {"in": len(synths), "out": len(rows), NOT_RENDERED: dropped}
        return computed

    return run_shard(ledger, ALIGN, aligner.model, request, work)


def _align(
    ledger: Ledger, aligner: Aligner, params: AlignParams, synth: SynthImage, computed: Computed
) -> AlignedImage:
    image = decode_image(ledger.get_blob(synth.image.digest))
    with computed.busy(aligner):
        scores = aligner.scores(image, synth.expressions)
    pairs = zip(synth.expressions, scores, strict=True)
    return AlignedImage(synth.item, tuple(_judge(e, score, params.min_alignment) for e, score in pairs))


def _judge(expression: str, score: float, least: float | None) -> AlignedExpression:
    # JSON would turn NaN into a row that nobody can read
    if not math.isfinite(score):
        raise RejectedItem("score_out_of_range", f"the alignment of {expression!r} is {score}")
    dropped = least is not None and score < least
    return AlignedExpression(expression, score, NOT_RENDERED if dropped else "")


def _kept(synth: SynthImage, aligned: AlignedImage, computed: Computed) -> Sequence[SynthImage]:
    kept = tuple(each.expression for each in aligned.expressions if not each.dropped)
    if kept:
        return [replace(synth, expressions=kept)]
    computed.rejections.append(Rejection(synth.item, NOT_RENDERED))
    computed.messages[synth.item] = "no expression reaches min_alignment"
    return []
