"""evaluate: weights x benchmark -> pixel counts of each expression, and a report by subset and domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np

from synres.data.images import decode_image
from synres.domain.digests import canonical_json
from synres.domain.masks import decode_mask
from synres.domain.metrics import MaskCounts, count_masks, score
from synres.domain.types import Expression, ModelInfo, Triplet
from synres.errors import RejectedItem
from synres.ledger.ledger import Ledger
from synres.ports import Mask, Segmenter, ShardRequest, ShardResult
from synres.stages.params import EvaluateParams, decode_params
from synres.stages.shard import Check, Computed, StageCode, map_rows, never_stop, run_shard

EVALUATE = StageCode("evaluate", 1, min_inputs=2)


@dataclass(frozen=True, slots=True)
class EvaluatedExpression:
    """One expression of a benchmark, in pixels of its picture. `item` names the picture."""

    item: str
    expression: Expression
    subset: str
    domain: str
    intersection: int
    union: int
    predicted_area: int
    target_area: int

    def counts(self) -> MaskCounts:
        """As the metrics take them; a mask without foreground says "no target"."""
        return MaskCounts(self.intersection, self.union, self.target_area > 0, self.predicted_area == 0)


def run_evaluate_shard(
    ledger: Ledger,
    open_segmenter: Callable[[bytes], Segmenter],
    model: ModelInfo,
    request: ShardRequest,
    check: Check = never_stop,
) -> ShardResult:
    """Inputs (weights, rows of Triplet, ...) -> "rows" of EvaluatedExpression and "report" (JSON).

    The report is what `summarise` gives, with the segmenter's protocol.
    """
    params = decode_params(request.params, EvaluateParams)

    def work() -> Computed:
        computed = Computed()
        segmenter = open_segmenter(ledger.get_blob(request.inputs[0]))
        triplets = [row for digest in request.inputs[1:] for row in ledger.get_rows(digest, Triplet)]
        pictures = [list(rows) for _, rows in groupby(triplets, key=lambda t: (t.item, t.image.digest))]
        judge = lambda picture: evaluate_picture(ledger, segmenter, picture)
        with computed.busy(segmenter):
            rows = map_rows(pictures, judge, lambda p: p[0].item, check, computed)
        summary = protocol_of(segmenter) | summarise(rows, params.definition)
        report = ledger.put_blob(canonical_json(summary), "application/json")
        computed.outputs = {"rows": ledger.put_rows(rows).digest, "report": report.digest}
        computed.counts = {"in": len(triplets), "out": len(rows)}
        return computed

    return run_shard(ledger, EVALUATE, model, request, work)


def evaluate_picture(
    ledger: Ledger, segmenter: Segmenter, triplets: Sequence[Triplet]
) -> list[EvaluatedExpression]:
    """`triplets` of one picture. Raises RejectedItem as `decode_image` does, and `mask_size_mismatch`."""
    image = decode_image(ledger.get_blob(triplets[0].image.digest))
    if any(tuple(triplet.mask.size) != image.shape[:2] for triplet in triplets):
        raise RejectedItem("mask_size_mismatch", f"a mask is not of the picture's size {image.shape[:2]}")
    guesses = segmenter.segment(image, [triplet.expression for triplet in triplets])
    return [_compare(triplet, guess.mask) for triplet, guess in zip(triplets, guesses, strict=True)]


def protocol_of(segmenter: Segmenter) -> dict[str, Any]:
    """`{"protocol": "generated" | "teacher_forced"}`; empty for a segmenter that has no choice of them."""
    named = getattr(segmenter, "protocol", "")
    return {"protocol": named} if named else {}


def summarise(rows: Iterable[EvaluatedExpression], definition: str) -> dict[str, Any]:
    """`{"definition", "all", "by_subset_and_domain": {"MT/day": ...}}`, each as `metrics.score` gives it."""
    counts: dict[str, list[MaskCounts]] = {}
    for row in rows:
        counts.setdefault(f"{row.subset}/{row.domain}", []).append(row.counts())
    everything = [count for part in counts.values() for count in part]
    return {
        "definition": definition,
        "all": asdict(score(everything, definition)),
        "by_subset_and_domain": {name: asdict(score(part, definition)) for name, part in counts.items()},
    }


def _compare(triplet: Triplet, predicted: Mask) -> EvaluatedExpression:
    target = decode_mask(triplet.mask)
    counts = count_masks(predicted, target)
    seen, wanted = int(np.count_nonzero(predicted)), int(np.count_nonzero(target))
    return EvaluatedExpression(
        triplet.item, triplet.expression, triplet.subset, triplet.domain,
        counts.intersection, counts.union, seen, wanted,
    )  # fmt: skip
