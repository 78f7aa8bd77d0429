"""What an evaluation came to: every measure under every definition, by slice, with its interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from synres.domain.bootstrap import (
    Bounds,
    Interval,
    SceneRatios,
    bootstrap,
    bootstrap_differences,
    scene_ratios,
    stack,
)
from synres.domain.failures import FAILURES
from synres.domain.metrics import MEASURES, score
from synres.errors import InvalidInput
from synres.stages.evaluate import EvaluatedExpression

ALL = "all"
RESAMPLES = 2000
DEFINITIONS = ("lisa", "gsva", "gres")
RULES = {
    "lisa": "as LISA validates: an empty union counts 1, and a rejection is nothing but an empty mask, so"
    " there is no N-acc and no T-acc; divides by counts + 1e-5 and unions + 1e-10 or 1e-5",
    "gsva": "as GSVA's eval_gres: an empty target counts 1 if rejected, else 0; a rejected target stays in"
    " the sums; false pixels join the unions on gRefCOCO alone. Its code takes a logit of exactly 0 for"
    " foreground; here masks are compared, at logit > 0",
    "gres": "as ReLA's evaluator: an empty target counts 1 if rejected, else 0 even for an empty mask; a"
    " rejected target counts 0 and joins the unions; open pixels are background; N-acc and T-acc are 0 where"
    " no target is empty. Its code resizes to 480 x 480; here pictures keep their size",
}
GROUND = (
    "Masks at logit > 0 and at the picture's own size; pixels that annotators left open count neither way but"
    " under gres; an empty mask says that there is no target. gIoU is the mean of the IoU of each expression,"
    " cIoU the sum of intersections over the sum of unions. Pr@X is the share of targets with an IoU of X or"
    f" more. Intervals: 95 %, from {RESAMPLES} draws of pictures."
)
Rows = Sequence[EvaluatedExpression]
Differences = dict[str, dict[str, dict[str, Interval | None]]]
"""Slice -> definition -> measure."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Measured:
    """A fraction in [0, 1] and its interval; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Slice:
    """`scores[definition][measure]`; `failures`: kind -> expressions."""

    expressions: int
    pictures: int
    scores: Mapping[str, Mapping[str, Measured]]
    failures: Mapping[str, int]


def slices(rows: Rows) -> dict[str, list[int]]:
    """Name -> places of its rows: all, each subset, each domain, and each subset in each domain."""
    found: dict[str, list[int]] = {ALL: list(range(len(rows)))}
    subsets, domains = (len({getattr(row, name) for row in rows}) > 1 for name in ("subset", "domain"))
    for place, row in enumerate(rows):
        names = [f"subset {row.subset or '-'}"] * subsets + [f"domain {row.domain or '-'}"] * domains
        names += [f"{row.subset or '-'} / {row.domain or '-'}"] * (subsets and domains)
        for name in names:
            found.setdefault(name, []).append(place)
    return dict(sorted(found.items(), key=lambda item: (_rank(item[0]), item[0])))


def scorecard(rows: Rows, is_grefcoco: bool) -> dict[str, Slice]:
    """Slice -> numbers."""
    return {name: _slice([rows[p] for p in places], is_grefcoco) for name, places in slices(rows).items()}


def differences(ours: Rows, theirs: Rows, is_grefcoco: bool) -> Differences:
    """Ours - theirs, expression by expression.

    Expressions that one of the two could not be asked are left out. Raises InvalidInput if nothing is left.
    """
    pairs = paired(ours, theirs)
    found: Differences = {}
    for name, places in slices([pair[0] for pair in pairs]).items():
        chosen = [pairs[place] for place in places]
        mine, other = (_ratios([pair[side] for pair in chosen], is_grefcoco) for side in (0, 1))
        found[name] = _named(bootstrap_differences(mine, other, seed=0, resamples=RESAMPLES))
    return found


def paired(ours: Rows, theirs: Rows) -> list[tuple[EvaluatedExpression, EvaluatedExpression]]:
    """The same expression of both, in order; an expression that a picture holds twice is paired twice."""
    other = dict(_numbered(theirs))
    pairs = [(row, other[key]) for key, row in _numbered(ours) if key in other]
    if not pairs:
        raise InvalidInput("the two checkpoints were not scored on a common expression")
    return pairs


def _numbered(rows: Rows) -> list[tuple[object, EvaluatedExpression]]:
    seen: Counter[tuple[str, str]] = Counter()
    numbered: list[tuple[object, EvaluatedExpression]] = []
    for row in rows:
        key = (row.item, row.expression)
        numbered.append(((*key, seen[key]), row))
        seen[key] += 1
    return numbered


def _rank(name: str) -> int:
    return 0 if name == ALL else 1 if name.startswith("subset ") else 2 if name.startswith("domain ") else 3


def _slice(rows: Rows, is_grefcoco: bool) -> Slice:
    bounds = _named(bootstrap(_ratios(rows, is_grefcoco), seed=0, resamples=RESAMPLES))
    scores = {}
    for definition in DEFINITIONS:
        values = _values(rows, definition, is_grefcoco)
        scores[definition] = {name: _measured(values[name], bounds[definition][name]) for name in MEASURES}
    kinds = Counter(row.failure for row in rows)
    pictures = len({row.item for row in rows})
    return Slice(len(rows), pictures, scores, {kind: kinds[kind] for kind in FAILURES})


def _measured(value: float | None, bounds: Bounds | None) -> Measured:
    if value is None or bounds is None:
        return Measured(value, None, None)
    return Measured(value, bounds.low, bounds.high)


def _values(rows: Rows, definition: str, is_grefcoco: bool) -> dict[str, float | None]:
    named = _code_of(definition, is_grefcoco)
    found = score([row.counts(named) for row in rows], named)
    plain = {"giou": found.giou, "ciou": found.ciou, "n_acc": found.n_acc, "t_acc": found.t_acc}
    return plain | {f"pr@{threshold}": value for threshold, value in found.precision.items()}


def _ratios(rows: Rows, is_grefcoco: bool) -> SceneRatios:
    scenes = [row.item for row in rows]
    made = []
    for definition in DEFINITIONS:
        named = _code_of(definition, is_grefcoco)
        counts = [row.counts(named) for row in rows]
        made += [scene_ratios([counts], scenes, named, measure) for measure in MEASURES]
    return stack(made)


def _named(flat: Sequence[T]) -> dict[str, dict[str, T]]:
    values = iter(flat)
    return {definition: {measure: next(values) for measure in MEASURES} for definition in DEFINITIONS}


def _code_of(definition: str, is_grefcoco: bool) -> str:
    """GSVA's sums differ on gRefCOCO."""
    return "gsva_not_grefcoco" if definition == "gsva" and not is_grefcoco else definition
