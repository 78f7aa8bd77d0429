"""segment: synthetic image x its expressions -> one pseudo-mask each (paper, section 3; LISA)."""

from __future__ import annotations

from collections.abc import Callable

from synres.data.images import decode_image
from synres.domain.masks import encode_mask
from synres.domain.types import Expression, ModelInfo, PseudoMask, SegmentedImage, SynthImage
from synres.errors import RejectedItem
from synres.ledger.ledger import Ledger
from synres.ports import ScoredMask, Segmenter, ShardRequest, ShardResult
from synres.stages.params import SegmentParams, decode_params
from synres.stages.shard import Check, Computed, StageCode, map_rows, never_stop, run_shard

SEGMENT = StageCode("segment", 1)


def run_segment_shard(
    ledger: Ledger,
    open_segmenter: Callable[[str], Segmenter],
    model: ModelInfo,
    request: ShardRequest,
    check: Check = never_stop,
) -> ShardResult:
    """Rows of SynthImage -> rows of SegmentedImage.

    `model` is the backend's own info. Trained weights, if any, are the action's second input:
    `open_segmenter` takes their digest, or "". It is not called where a record answers.
    """
    decode_params(request.params, SegmentParams)

    def work() -> Computed:
        computed = Computed()
        segmenter = open_segmenter(request.inputs[1] if len(request.inputs) > 1 else "")
        synths = ledger.get_rows(request.inputs[0], SynthImage)
        rows = map_rows(
            synths, lambda s: [_segment(ledger, segmenter, s, computed)], lambda s: s.item, check, computed
        )
        computed.outputs = {"rows": ledger.put_rows(rows).digest}
        masks = sum(len(row.pseudo_masks) for row in rows)
        computed.counts = {"in": len(synths), "out": len(rows), "pseudo_masks": masks}
        return computed

    return run_shard(ledger, SEGMENT, model, request, work)


def _segment(ledger: Ledger, segmenter: Segmenter, synth: SynthImage, computed: Computed) -> SegmentedImage:
    image = decode_image(ledger.get_blob(synth.image.digest))
    with computed.busy(segmenter):
        guesses = segmenter.segment(image, synth.expressions)
    pairs = zip(synth.expressions, guesses, strict=True)
    return SegmentedImage(synth, tuple(_pseudo_mask(expression, guess) for expression, guess in pairs))


def _pseudo_mask(expression: Expression, guess: ScoredMask) -> PseudoMask:
    # the negation also refuses NaN, which JSON would turn into a row that nobody can read
    if not 0.0 <= guess.score <= 1.0:
        raise RejectedItem("score_out_of_range", f"the score of {expression!r} is {guess.score}")
    return PseudoMask(expression, encode_mask(guess.mask), guess.score)
