"""gIoU, cIoU, N-acc, T-acc and Pr@X under three published definitions, from integer pixel counts.

gIoU is the mean of per-expression IoU and cIoU the sum of intersections over the sum of unions: neither is
the box loss of that name. LISA, GSVA and ReLA ("gres") differ in what an empty target, a rejection and an
ignored pixel count for, so every number carries its definition's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from synres.errors import InvalidInput, RejectedItem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
MEASURES = ("giou", "ciou", "n_acc", "t_acc", *(f"pr@{t}" for t in THRESHOLDS))
_IGNORED = 255


@dataclass(frozen=True, slots=True)
class MaskCounts:
    """One expression: pixels in both masks, pixels in either, and two facts.

    `has_target`: the truth has foreground. `is_rejected`: the model said "no target", whatever its mask.
    """

    intersection: int
    union: int
    has_target: bool
    is_rejected: bool


@dataclass(frozen=True, slots=True)
class Scores:
    """Fractions in [0, 1]; None is "undefined": nothing to divide by, or no such notion in the definition.

    `precision` maps a threshold to the share of targeted expressions whose IoU reaches it.
    """

    definition: str
    expressions: int
    giou: float | None
    ciou: float | None
    n_acc: float | None
    t_acc: float | None
    precision: dict[str, float | None]


def count_masks(
    predicted: Bools, target: Bools, ignore: Bools | None = None, is_rejected: bool | None = None
) -> MaskCounts:
    """Counts of two (H, W) bool masks; `ignore` pixels leave both.

    `is_rejected` None is for models without a word for "no target": an empty mask says it.
    Raises RejectedItem("mask_size_mismatch").
    """
    if predicted.shape != target.shape:
        raise RejectedItem(
            "mask_size_mismatch", f"a mask of {predicted.shape} against a truth of {target.shape}"
        )
    seen, wanted = _words(predicted), _words(target)
    rejects = not seen.any() if is_rejected is None else is_rejected
    if ignore is not None:
        kept = ~_words(ignore)
        seen, wanted = seen & kept, wanted & kept
    common, area = _ones(seen & wanted), _ones(wanted)
    return MaskCounts(common, _ones(seen) + area - common, area > 0, bool(rejects))


def _words(mask: Bools) -> NDArray[np.uint64]:
    """64 pixels in each number, row by row: an eighth of the memory to go through for each count."""
    packed = np.packbits(mask)
    # the last word's other bits are 0 in every mask of a size
    return (
        np.pad(packed, (0, -packed.size % 8)).view(np.uint64) if packed.size % 8 else packed.view(np.uint64)
    )


def _ones(words: NDArray[np.uint64]) -> int:
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def count_logits(logits: Floats, labels: NDArray[np.uint8], is_rejected: bool, definition: str) -> MaskCounts:
    """Counts of (H, W) logits against labels 0, 1, 255 (ignore), as the definition's own code reads them.

    GSVA takes a logit of exactly 0 for foreground and an all-ignored target for a target; ReLA has no
    ignore label (255 is background) and takes every other non-zero label for target.
    """
    _rules(definition)
    predicted = logits >= 0 if definition.startswith("gsva") else logits > 0
    if definition == "gres":
        return count_masks(predicted, (labels > 0) & (labels != _IGNORED), None, is_rejected)
    counts = count_masks(predicted, labels == 1, labels == _IGNORED, is_rejected)
    has_target = bool(labels.any()) if definition.startswith("gsva") else counts.has_target
    return MaskCounts(counts.intersection, counts.union, has_target, is_rejected)


def score(counts: Sequence[MaskCounts], definition: str) -> Scores:
    """Scores a set of expressions. Definitions: "lisa", "gsva", "gsva_not_grefcoco", "gres".

    "lisa": an empty union counts 1; a rejection is nothing but an empty mask.
    "gsva": an empty target counts 1 if rejected, else 0 and its false pixels join the unions (on gRefCOCO
    only); a rejected target keeps its mask.
    "gres" (ReLA): as GSVA, but a rejected target counts 0 and joins the unions, and both accuracies are 0
    where no target is empty.
    LISA and GSVA divide with small constants, kept here (below 2e-5). Where the originals stop with a
    division by zero, that one ratio is None. Raises InvalidInput for another name.
    """
    rules = _rules(definition)
    table = _Table.of(counts)
    terms = rules.terms(table)
    return Scores(
        definition=definition,
        expressions=len(counts),
        giou=_ratio(terms.iou.sum(), len(counts), rules.count_epsilon * bool(counts)),
        ciou=_ratio(terms.intersection.sum(), terms.union.sum(), rules.union_epsilon * bool(counts)),
        **_rejection(table, definition),
        precision={
            str(t): _ratio(_reaches(terms, table, t).sum(), table.has_target.sum()) for t in THRESHOLDS
        },
    )


def parts_of(counts: Sequence[MaskCounts], definition: str, measure: str) -> tuple[Floats, Floats]:
    """What each expression adds above and below the line, (n,) float64 each: the measure is sum / sum.

    Measures are `MEASURES`; one that `score` leaves undefined has nothing below. The small constants of
    `score` are left out. Raises InvalidInput.
    """
    if measure not in MEASURES:
        raise InvalidInput(f"measure {measure!r} is unknown; use one of {', '.join(MEASURES)}")
    table = _Table.of(counts)
    terms = _rules(definition).terms(table)
    if measure == "giou":
        return terms.iou, np.ones(len(counts))
    if measure == "ciou":
        return terms.intersection.astype(np.float64), terms.union.astype(np.float64)
    if measure in ("n_acc", "t_acc"):
        of_kind = (table.has_target == (measure == "t_acc")) & (definition != "lisa")
        right = of_kind & (table.is_rejected == (measure == "n_acc")) & ~_is_nought(table, definition)
        return right.astype(np.float64), of_kind.astype(np.float64)
    reached = _reaches(terms, table, float(measure.removeprefix("pr@")))
    return reached.astype(np.float64), table.has_target.astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Table:
    intersection: Ints
    union: Ints
    has_target: Bools
    is_rejected: Bools

    @staticmethod
    def of(counts: Sequence[MaskCounts]) -> _Table:
        return _Table(
            np.array([c.intersection for c in counts], np.int64),
            np.array([c.union for c in counts], np.int64),
            np.array([c.has_target for c in counts], np.bool_),
            np.array([c.is_rejected for c in counts], np.bool_),
        )


@dataclass(frozen=True, slots=True)
class _Terms:
    """What each expression adds to the three sums."""

    iou: Floats
    intersection: Ints
    union: Ints


def _lisa(table: _Table) -> _Terms:
    iou = table.intersection / (table.union + 1e-5) + (table.union == 0)
    return _Terms(iou, table.intersection, table.union)


def _gsva(table: _Table, adds_false_pixels: bool = True) -> _Terms:
    iou = np.where(table.has_target, table.intersection / (table.union + 1e-8), table.is_rejected)
    adds = table.has_target | ~table.is_rejected if adds_false_pixels else table.has_target
    return _Terms(iou, table.intersection * table.has_target, table.union * adds)


def _gres(table: _Table) -> _Terms:
    hits = table.intersection * (table.has_target & ~table.is_rejected)
    iou = np.where(table.has_target, hits / np.maximum(table.union, 1), table.is_rejected)
    return _Terms(iou, hits, table.union * (table.has_target | ~table.is_rejected))


@dataclass(frozen=True, slots=True)
class _Rules:
    terms: Callable[[_Table], _Terms]
    count_epsilon: float = 0.0
    union_epsilon: float = 0.0


_DEFINITIONS: Mapping[str, _Rules] = {
    "lisa": _Rules(_lisa, count_epsilon=1e-5, union_epsilon=1e-10),
    "gsva": _Rules(_gsva, count_epsilon=1e-5),
    "gsva_not_grefcoco": _Rules(lambda table: _gsva(table, adds_false_pixels=False), count_epsilon=1e-5),
    "gres": _Rules(_gres),
}


def _rules(definition: str) -> _Rules:
    if definition not in _DEFINITIONS:
        raise InvalidInput(
            f"metric definition {definition!r} is unknown; use one of {', '.join(_DEFINITIONS)}"
        )
    return _DEFINITIONS[definition]


def _rejection(table: _Table, definition: str) -> dict[str, float | None]:
    if definition == "lisa":
        return {"n_acc": None, "t_acc": None}
    empty = ~table.has_target
    if _is_nought(table, definition):
        return {"n_acc": 0.0, "t_acc": 0.0}
    kept = np.count_nonzero(table.has_target & ~table.is_rejected)
    return {
        "n_acc": _ratio(np.count_nonzero(empty & table.is_rejected), np.count_nonzero(empty)),
        "t_acc": _ratio(kept, np.count_nonzero(table.has_target)),
    }


def _is_nought(table: _Table, definition: str) -> bool:
    """ReLA calls both accuracies 0 where no target is empty."""
    return definition == "gres" and bool(table.has_target.size) and bool(table.has_target.all())


def _reaches(terms: _Terms, table: _Table, threshold: float) -> Bools:
    """Targeted expressions with an IoU of `threshold` or more; in integers, so that a tie is one.

    A target of ignored pixels alone, which GSVA knows, has no union and an IoU of 0.
    """
    tenths = round(10 * threshold)
    is_enough = (10 * terms.intersection >= tenths * table.union) & (table.union > 0)
    reached: Bools = table.has_target & is_enough
    return reached


def _ratio(above: SupportsFloat, below: SupportsFloat, epsilon: float = 0.0) -> float | None:
    divisor = float(below) + epsilon
    return float(above) / divisor if divisor else None
