"""caption: Sample -> n distinct expressions (paper, section 3; CoCa)."""

from __future__ import annotations

from synres.domain.seeds import derive_seed
from synres.domain.types import CaptionedSample, Sample
from synres.ledger.ledger import Ledger
from synres.ports import Captioner, ShardRequest, ShardResult
from synres.stages.params import CaptionParams, decode_params
from synres.stages.shard import Check, Computed, StageCode, map_rows, never_stop, run_shard
from synres.stages.sources import load_view

CAPTION = StageCode("caption", 1)


def run_caption_shard(
    ledger: Ledger, captioner: Captioner, request: ShardRequest, check: Check = never_stop
) -> ShardResult:
    """Rows of Sample -> rows of CaptionedSample."""
    params = decode_params(request.params, CaptionParams)

    def work() -> Computed:
        computed = Computed()
        samples = ledger.get_rows(request.inputs[0], Sample)
        rows = map_rows(
            samples, lambda s: [_caption(ledger, captioner, params, s)], lambda s: s.item, check, computed
        )
        computed.outputs = {"rows": ledger.put_rows(rows).digest}
        computed.counts = {"in": len(samples), "out": len(rows)}
        return computed

    return run_shard(ledger, CAPTION, captioner.model, request, work)


def _caption(ledger: Ledger, captioner: Captioner, params: CaptionParams, sample: Sample) -> CaptionedSample:
    n = params.expressions_per_prompt
    seed = derive_seed(params.seed, "caption", sample.item)
    expressions = captioner.caption(load_view(ledger, sample), n * params.prompts_per_sample, seed)
    prompts = tuple(tuple(expressions[start : start + n]) for start in range(0, len(expressions), n))
    return CaptionedSample(sample.item, sample, prompts)
