"""Arms side by side, from the evaluations of one run, or of one run for each seed: numbers, no printing."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from synres.domain.bootstrap import Interval, paired_bootstrap, scene_ratios
from synres.domain.metrics import score
from synres.errors import InvalidInput
from synres.stages.evaluate import EvaluatedExpression

IN_DOMAIN = frozenset({"", "day", "id"})
"""Domains of the training pictures; any other is a shift."""
MEASURES = ("giou", "ciou")
CONTROL = "control"
"""An arm of this name is compared with, beside the baseline."""

Rows = Sequence[EvaluatedExpression]
Belongs = Callable[[EvaluatedExpression], bool]


@dataclass(frozen=True, slots=True)
class Score:
    """Mean over seeds in [0, 1], its standard deviation (None for one seed), and expressions of one seed."""

    mean: float | None
    deviation: float | None
    expressions: int


@dataclass(frozen=True, slots=True)
class Difference:
    """`arm` minus `other` on one column, scene by scene; None where a ratio is undefined."""

    arm: str
    other: str
    column: str
    measure: str
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`scores[measure][arm][column]`, and the paired differences. `protocols`: arm -> how its model answered,
    for models that have a choice."""

    definition: str
    seeds: tuple[int, ...]
    columns: tuple[str, ...]
    scores: Mapping[str, Mapping[str, Mapping[str, Score]]]
    differences: tuple[Difference, ...]
    protocols: Mapping[str, str] = field(default_factory=dict)


def compare(
    by_seed: Mapping[int, Mapping[str, Rows]],
    definition: str,
    baseline: str | None,
    protocols: Mapping[str, str] | None = None,
) -> Comparison:
    """Seed -> arm -> rows. Raises InvalidInput unless all were scored on the same expressions."""
    arms = list(next(iter(by_seed.values())))
    rows = {arm: [by_seed[seed][arm] for seed in by_seed] for arm in arms}
    _check_paired(rows)
    columns = columns_of(rows[arms[0]][0])
    scores = {
        measure: {
            arm: {name: _score(seeds, belongs, definition, measure) for name, belongs in columns.items()}
            for arm, seeds in rows.items()
        }
        for measure in MEASURES
    }
    pairs = [(arm, other) for other in (baseline, CONTROL) if other in rows for arm in arms if arm != other]
    pairs = [pair for pair in pairs if pair != (baseline, CONTROL)]
    differences = tuple(
        Difference(
            arm, other, name, measure, _difference(rows[arm], rows[other], columns[name], definition, measure)
        )
        for measure in MEASURES
        for arm, other in pairs
        for name in _compared(columns)
    )
    return Comparison(definition, tuple(by_seed), tuple(columns), scores, differences, protocols or {})


def columns_of(rows: Rows) -> dict[str, Belongs]:
    """Subset x (ID, DS), both subsets together, each shifted domain, and what is not of the benchmark.

    A benchmark without subsets MT and MA has a column for each (subset, domain) instead.
    """
    places = list(dict.fromkeys((row.subset, row.domain) for row in rows))
    subsets = [name for name in ("MT", "MA") if any(subset == name for subset, _ in places)]
    others = {_name(place): _is_at(place) for place in places if place[0] not in subsets}
    if not subsets:
        return others
    columns: dict[str, Belongs] = {}
    for label, shifted in (("ID", False), ("DS", True)):
        columns |= {f"{name}-{label}": _in({name}, shifted) for name in subsets}
        columns[label] = _in(set(subsets), shifted)
    domains = dict.fromkeys(
        domain for subset, domain in places if subset in subsets and domain not in IN_DOMAIN
    )
    columns |= {domain: _in_domain(set(subsets), domain) for domain in domains}
    return columns | others


def _in(subsets: set[str], shifted: bool) -> Belongs:
    return lambda row: row.subset in subsets and (row.domain not in IN_DOMAIN) == shifted


def _in_domain(subsets: set[str], domain: str) -> Belongs:
    return lambda row: row.subset in subsets and row.domain == domain


def _is_at(place: tuple[str, str]) -> Belongs:
    return lambda row: (row.subset, row.domain) == place


def _name(place: tuple[str, str]) -> str:
    return " ".join(part for part in (place[0], *({place[1]} - IN_DOMAIN)) if part) or "all"


def _compared(columns: Mapping[str, Belongs]) -> list[str]:
    """Differences are shown for the whole columns, not for each subset and domain."""
    return [name for name in columns if name in ("ID", "DS", "real")] or list(columns)


def _score(seeds: Sequence[Rows], belongs: Belongs, definition: str, measure: str) -> Score:
    values, count = [], 0
    for rows in seeds:
        counts = [row.counts(definition) for row in rows if belongs(row)]
        count = len(counts)
        value = getattr(score(counts, definition), measure) if counts else None
        values += [] if value is None else [value]
    if not values:
        return Score(None, None, count)
    return Score(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, count)


def _difference(
    ours: Sequence[Rows], theirs: Sequence[Rows], belongs: Belongs, definition: str, measure: str
) -> Interval | None:
    scenes = [row.item for row in ours[0] if belongs(row)]
    if not scenes:
        return None
    first, second = (
        scene_ratios(
            [[row.counts(definition) for row in rows if belongs(row)] for rows in arm],
            scenes,
            definition,
            measure,
        )
        for arm in (ours, theirs)
    )
    return paired_bootstrap(first, second, seed=0)


def _check_paired(rows: Mapping[str, Sequence[Rows]]) -> None:
    asked = {tuple((row.item, row.expression) for row in seed) for seeds in rows.values() for seed in seeds}
    if len(asked) > 1:
        counts = ", ".join(f"{arm} on {len(seeds[0])}" for arm, seeds in rows.items())
        raise InvalidInput(
            f"the arms were not scored on the same expressions ({counts}): run the spec to its end first;"
            " where an arm rejected some, `synres evaluate RUN:ARM --against RUN:ARM` compares the others"
        )
