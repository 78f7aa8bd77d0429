"""caption: Sample -> n distinct expressions (paper, section 3; CoCa)."""

from __future__ import annotations

from synres.domain.prompts import split_prompts
from synres.domain.seeds import derive_seed
from synres.domain.types import CaptionedSample, Sample, Shortfall
from synres.errors import RejectedItem
from synres.ledger.ledger import Ledger
from synres.ports import Captioner, ShardRequest, ShardResult
from synres.stages.params import CaptionParams, decode_params
from synres.stages.shard import Check, Computed, StageCode, map_rows, never_stop, run_shard
from synres.stages.sources import load_view

CAPTION = StageCode("caption", 1)
FEWEST = 2
"""Expressions of a prompt: ITAG needs a second opinion. Where one is asked for, one will do."""


def run_caption_shard(
    ledger: Ledger, captioner: Captioner, request: ShardRequest, check: Check = never_stop
) -> ShardResult:
    """Rows of Sample -> rows of CaptionedSample; "shortfalls" tells where fewer expressions were found."""
    params = decode_params(request.params, CaptionParams)

    def work() -> Computed:
        computed = Computed()
        samples = ledger.get_rows(request.inputs[0], Sample)
        pairs = map_rows(
            samples,
            lambda s: [_caption(ledger, captioner, params, s, computed)],
            lambda s: s.item,
            check,
            computed,
        )
        computed.outputs = {"rows": ledger.put_rows(captioned for captioned, _ in pairs).digest}
        shortfalls = [shortfall for _, short in pairs for shortfall in short]
        if shortfalls:
            computed.outputs["shortfalls"] = ledger.put_rows(shortfalls).digest
        computed.counts = {"in": len(samples), "out": len(pairs)}
        return computed

    return run_shard(ledger, CAPTION, captioner.model, request, work)


def _caption(
    ledger: Ledger, captioner: Captioner, params: CaptionParams, sample: Sample, computed: Computed
) -> tuple[CaptionedSample, list[Shortfall]]:
    n, k = params.expressions_per_prompt, params.prompts_per_sample
    seed = derive_seed(params.seed, "caption", sample.item)
    view = load_view(ledger, sample)
    with computed.busy(captioner):
        found = captioner.caption(view, n * k, seed)
    told = len(found.expressions)
    if told < min(n, FEWEST):
        raise RejectedItem("too_few_expressions", f"{told} of {n * k} expressions: {found.shortfall}")
    captioned = CaptionedSample(sample.item, sample, split_prompts(found.expressions, k, min(n, FEWEST)))
    short = [Shortfall(sample.item, n * k, told, found.shortfall)] if told < n * k else []
    return captioned, short
