"""evaluate: weights x benchmark -> pixel counts of each expression, and a report by subset and domain.

A large benchmark is scored in parts with a record each, so that a killed evaluation goes on where it was; the
counts are integers, so whoever scored the parts, the whole is the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from itertools import groupby, islice
from typing import Any

from synres.data.images import decode_image
from synres.domain.digests import canonical_json
from synres.domain.failures import failure_of
from synres.domain.mask_pairs import count_pairs
from synres.domain.masks import area, decode_mask, encode_mask, runs_to_rle
from synres.domain.metrics import MaskCounts, score
from synres.domain.types import Expression, ModelInfo, OpenTriplet, Rejection, Rle
from synres.errors import InternalError, RejectedItem
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action, Record
from synres.ports import Image, InformedSegmenter, ScoredMask, Segmenter, ShardRequest, ShardResult
from synres.stages.params import EvaluateParams, decode_params
from synres.stages.shard import Check, Computed, StageCode, map_rows, never_stop, run_shard

EVALUATE = StageCode("evaluate", 2, min_inputs=2)
PART = 32
"""Pictures: what a killed evaluation may lose."""

RunParts = Callable[[Sequence[ShardRequest]], object]
"""Sees to it that each part has its record, in whatever order and processes."""


@dataclass(frozen=True, slots=True)
class EvaluatedExpression:
    """One expression of a benchmark, in pixels of its picture. `item` names the picture.

    Pixels that its annotators left open are in none of the first four counts: `ignored_area` of them, of
    which `predicted_ignored` are in the mask. `image` is the picture's digest, for whoever wants to look.
    """

    item: str
    expression: Expression
    subset: str
    domain: str
    intersection: int
    union: int
    predicted_area: int
    target_area: int
    ignored_area: int = 0
    predicted_ignored: int = 0
    image: str = ""
    predicted: Rle | None = None
    target: Rle | None = None

    def counts(self, definition: str) -> MaskCounts:
        """As the definition takes them; a mask without foreground says "no target".

        ReLA ("gres") has no open pixels: there they are background. GSVA takes a picture with nothing but
        open pixels for one with a target.
        """
        union = self.union + (self.predicted_ignored if definition == "gres" else 0)
        wanted = self.target_area + (self.ignored_area if definition.startswith("gsva") else 0)
        return MaskCounts(self.intersection, union, wanted > 0, self._rejects())

    def _rejects(self) -> bool:
        return self.predicted_area + self.predicted_ignored == 0

    @property
    def failure(self) -> str:
        """One of `failures.FAILURES`, or "". What is rejected has no mask."""
        answered = (0, 0) if self._rejects() else (self.intersection, self.predicted_area)
        return failure_of(*answered, self.target_area)


@dataclass(frozen=True, slots=True)
class JudgedExpression(EvaluatedExpression):
    """An EvaluatedExpression of a model with a word for "no target", as `ScoredMask.is_rejected`.

    A row type of its own, so that no digest of rows without it changed; those read as rows of this one too.
    """

    is_rejected: bool | None = None

    def _rejects(self) -> bool:
        return EvaluatedExpression._rejects(self) if self.is_rejected is None else self.is_rejected


def run_evaluate_shard(
    ledger: Ledger,
    open_segmenter: Callable[[bytes], Segmenter],
    model: ModelInfo,
    request: ShardRequest,
    check: Check = never_stop,
    run_parts: RunParts | None = None,
) -> ShardResult:
    """Inputs (weights, rows of Triplet, ...) -> "rows" of EvaluatedExpression and "report" (JSON).

    An empty blob stands for the model's own weights. The report is what `summarise` gives, with the
    segmenter's protocol. `run_parts` is by default one after the other, here.
    """
    params = decode_params(request.params, EvaluateParams)
    opened = cache(lambda: open_segmenter(ledger.get_blob(request.inputs[0])))

    def run_part(part: ShardRequest) -> ShardResult:
        score_part = lambda: _score(ledger, opened(), params, part.inputs[1:], check)
        return run_shard(ledger, EVALUATE, model, part, score_part)

    def work() -> Computed:
        parts = part_requests(ledger, model, request)
        if len(parts) < 2:
            return _score(ledger, opened(), params, request.inputs[1:], check)
        if run_parts is not None:
            run_parts(parts)
        return _merge(ledger, params, [_record(ledger, run_part(part)) for part in parts])

    return run_shard(ledger, EVALUATE, model, request, work)


def part_requests(ledger: Ledger, model: ModelInfo, request: ShardRequest) -> list[ShardRequest]:
    """An evaluation of `PART` pictures each, in order; the expressions of a picture stay together."""
    weights, *rows = request.inputs
    made = []
    pictures = _pictures(ledger, rows)
    while some := list(islice(pictures, PART)):
        digest = ledger.put_rows(row for picture in some for row in picture).digest
        params, inputs = request.params.decode(), (weights, digest)
        action = Action(EVALUATE.name, EVALUATE.version, model.digest, params, inputs).digest()
        made.append(replace(request, action=action, inputs=inputs))
    return made


def _pictures(ledger: Ledger, digests: Iterable[str]) -> Iterator[list[OpenTriplet]]:
    rows = (row for digest in digests for row in ledger.get_rows(digest, OpenTriplet))
    return (list(picture) for _, picture in groupby(rows, key=lambda row: (row.item, row.image.digest)))


def _score(
    ledger: Ledger, segmenter: Segmenter, params: EvaluateParams, digests: Sequence[str], check: Check
) -> Computed:
    computed = Computed()
    pictures = list(_pictures(ledger, digests))
    judge = lambda picture: evaluate_picture(ledger, segmenter, picture)
    with computed.busy(segmenter):
        rows = map_rows(pictures, judge, lambda p: p[0].item, check, computed)
    computed.counts = {"in": sum(map(len, pictures)), "out": len(rows)}
    computed.outputs = _outputs(ledger, params, rows, protocol_of(segmenter))
    return computed


def _merge(ledger: Ledger, params: EvaluateParams, parts: Sequence[Record]) -> Computed:
    computed, counts, cost = Computed(), Counter[str](), Counter[str]()
    rows: list[EvaluatedExpression] = []
    for part in parts:
        found = ledger.get_rows(part.body.outputs["rows"], JudgedExpression)
        rows += [_judged(row, row.is_rejected) for row in found]
        computed.rejections += [Rejection(r.item, r.reason) for r in part.body.rejections]
        computed.messages |= part.meta.messages
        counts.update(part.body.counts)
        cost.update(part.meta.cost)
    report = json.loads(ledger.get_blob(parts[0].body.outputs["report"]))
    protocol = {name: report[name] for name in ("protocol",) if name in report}
    computed.counts, computed.cost = dict(counts), dict(cost)
    computed.outputs = _outputs(ledger, params, rows, protocol)
    return computed


def _record(ledger: Ledger, part: ShardResult) -> Record:
    record = ledger.find_record(EVALUATE.name, part.action)
    if record is None:
        raise InternalError(f"part {part.action[:12]} of an evaluation was scored and left no record")
    return record


def _outputs(
    ledger: Ledger, params: EvaluateParams, rows: Sequence[EvaluatedExpression], protocol: dict[str, Any]
) -> dict[str, str]:
    report = canonical_json(protocol | summarise(rows, params.definition))
    return {
        "rows": ledger.put_rows(rows).digest,
        "report": ledger.put_blob(report, "application/json").digest,
    }


def evaluate_picture(
    ledger: Ledger, segmenter: Segmenter, triplets: Sequence[OpenTriplet]
) -> list[EvaluatedExpression]:
    """`triplets` of one picture, asked in one call, so that it is encoded once.

    Raises RejectedItem as `decode_image` does, and `mask_size_mismatch`.
    """
    image = decode_image(ledger.get_blob(triplets[0].image.digest))
    masks = [mask for triplet in triplets for mask in (triplet.mask, triplet.ignore) if mask is not None]
    if any(tuple(mask.size) != image.shape[:2] for mask in masks):
        raise RejectedItem("mask_size_mismatch", f"a mask is not of the picture's size {image.shape[:2]}")
    guesses = _asked(segmenter, image, triplets)
    rows = _compared(triplets, [encode_mask(guess.mask) for guess in guesses])
    return [_judged(row, guess.is_rejected) for row, guess in zip(rows, guesses, strict=True)]


def _asked(segmenter: Segmenter, image: Image, triplets: Sequence[OpenTriplet]) -> list[ScoredMask]:
    expressions = [triplet.expression for triplet in triplets]
    if not isinstance(segmenter, InformedSegmenter):
        return segmenter.segment(image, expressions)
    has_target = [area(row.mask) > 0 or bool(row.ignore and area(row.ignore)) for row in triplets]
    return segmenter.segment_known(image, expressions, has_target)


def _judged(row: EvaluatedExpression, is_rejected: bool | None) -> EvaluatedExpression:
    known = {one.name: getattr(row, one.name) for one in fields(EvaluatedExpression)}
    if is_rejected is None:
        return EvaluatedExpression(**known)
    return JudgedExpression(**known, is_rejected=is_rejected)


def _compared(triplets: Sequence[OpenTriplet], predicted: Sequence[Rle]) -> list[EvaluatedExpression]:
    targets = [_decided(triplet) for triplet in triplets]
    ignored = [triplet.ignore or _nothing(triplet.mask) for triplet in triplets]
    of_target, of_ignored = count_pairs(predicted, targets).tolist(), count_pairs(predicted, ignored).tolist()
    rows = []
    for row, guess, target, (common, seen, wanted), (left_open, _, ignored_area) in zip(
        triplets, predicted, targets, of_target, of_ignored, strict=True
    ):
        seen -= left_open
        rows.append(EvaluatedExpression(
            row.item, row.expression, row.subset, row.domain, common, seen + wanted - common, seen, wanted,
            ignored_area, left_open, row.image.digest, guess, target,
        ))  # fmt: skip
    return rows


def _decided(triplet: OpenTriplet) -> Rle:
    """The target without what is left open."""
    if triplet.ignore is None or not count_pairs([triplet.mask], [triplet.ignore])[0, 0]:
        return triplet.mask
    return encode_mask(decode_mask(triplet.mask) & ~decode_mask(triplet.ignore))


def _nothing(like: Rle) -> Rle:
    return runs_to_rle([like.size[0] * like.size[1]], like.size)


def protocol_of(segmenter: Segmenter) -> dict[str, Any]:
    """`{"protocol": "generated" | "teacher_forced"}`; empty for a segmenter that has no choice of them."""
    named = getattr(segmenter, "protocol", "")
    return {"protocol": named} if named else {}


def summarise(rows: Iterable[EvaluatedExpression], definition: str) -> dict[str, Any]:
    """`{"definition", "all", "by_subset_and_domain": {"MT/day": ...}}`, each as `metrics.score` gives it."""
    counts: dict[str, list[MaskCounts]] = {}
    for row in rows:
        counts.setdefault(f"{row.subset}/{row.domain}", []).append(row.counts(definition))
    everything = [count for part in counts.values() for count in part]
    return {
        "definition": definition,
        "all": asdict(score(everything, definition)),
        "by_subset_and_domain": {name: asdict(score(part, definition)) for name, part in counts.items()},
    }
