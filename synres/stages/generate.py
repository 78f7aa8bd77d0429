"""generate: composite prompt -> m synthetic images (paper, section 3; SANA)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from synres.data.images import encode_png
from synres.domain.digests import digest_json
from synres.domain.masks import encode_mask
from synres.domain.prompts import composite_prompt
from synres.domain.seeds import derive_seed
from synres.domain.types import CaptionedSample, Expression, Rejection, SynthImage, Triplet
from synres.ledger.ledger import Ledger
from synres.ports import (
    FILTERED,
    GeneratedImage,
    GeneratorInput,
    ImageGenerator,
    ObjectView,
    ShardRequest,
    ShardResult,
)
from synres.stages.params import GenerateParams, decode_params
from synres.stages.shard import Check, Computed, StageCode, map_rows, never_stop, run_shard
from synres.stages.sources import load_view

GENERATE = StageCode("generate", 1)
NO_VIEW = ObjectView(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.bool_), "")


def run_generate_shard(
    ledger: Ledger, generator: ImageGenerator, request: ShardRequest, check: Check = never_stop
) -> ShardResult:
    """Rows of CaptionedSample -> rows of SynthImage; renderers also leave "oracle", exact Triplets.

    A picture that a safety filter refuses is a rejection by itself; the sample's others go on.
    """
    params = decode_params(request.params, GenerateParams)

    def work() -> Computed:
        computed = Computed()
        samples = ledger.get_rows(request.inputs[0], CaptionedSample)
        made = map_rows(
            samples,
            lambda s: list(_generate(ledger, generator, params, s, computed)),
            lambda s: s.item,
            check,
            computed,
        )
        oracle = [triplet for _, exact in made for triplet in exact]
        computed.outputs = {"rows": ledger.put_rows(synth for synth, _ in made).digest}
        if oracle:
            computed.outputs["oracle"] = ledger.put_rows(oracle).digest
        computed.counts = {"in": len(samples), "out": len(made)}
        computed.cost |= {"images": len(made), "bytes": sum(synth.image.size for synth, _ in made)}
        return computed

    return run_shard(ledger, GENERATE, generator.model, request, work)


def _generate(
    ledger: Ledger,
    generator: ImageGenerator,
    params: GenerateParams,
    captioned: CaptionedSample,
    computed: Computed,
) -> Iterator[tuple[SynthImage, list[Triplet]]]:
    view = load_view(ledger, captioned.sample) if generator.needs_view else NO_VIEW
    for index, expressions in enumerate(captioned.prompts):
        prompt = composite_prompt(expressions)
        names = (captioned.item, index)
        seeds = [derive_seed(params.seed, "generate", *names, k) for k in range(params.images_per_prompt)]
        with computed.busy(generator):
            pictures = generator.generate(GeneratorInput(prompt, expressions, view), seeds)
        for k, (_, picture) in enumerate(zip(seeds, pictures, strict=True)):
            if picture.refusal:
                _keep_back(digest_json([captioned.item, index, k]), picture.refusal, computed)
            else:
                yield _store(ledger, picture, captioned.item, (index, k), prompt, expressions)


def _keep_back(item: str, refusal: str, computed: Computed) -> None:
    """The refusal is told, the picture stored nowhere."""
    computed.rejections.append(Rejection(item, FILTERED))
    computed.messages[item] = refusal


def _store(
    ledger: Ledger, picture: GeneratedImage, sample_item: str, place: tuple[int, int],
    prompt: str, expressions: tuple[Expression, ...],
) -> tuple[SynthImage, list[Triplet]]:  # fmt: skip
    image = ledger.put_blob(encode_png(picture.image), "image/png")
    item = digest_json([sample_item, *place, image.digest])
    height, width = picture.image.shape[:2]
    synth = SynthImage(item, sample_item, expressions, prompt, image, (height, width))
    if picture.exact_masks is None:
        return synth, []
    pairs = zip(expressions, picture.exact_masks, strict=True)
    return synth, [Triplet(item, image, encode_mask(mask), expression) for expression, mask in pairs]
