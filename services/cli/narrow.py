"""A spec with one arm left. Actions do not know which run wants them, so its records are the whole spec's."""

from __future__ import annotations

from synres.domain.choice import nearest
from synres.errors import NotFound
from synres.spec import Method, RunSpec
from synres.spec_checks import arm_of


def only_arm(spec: RunSpec, arm: str) -> RunSpec:
    """Keeps `arm`, the chains and arms it rests on, and the datasets these need. Nothing is evaluated.

    Raises NotFound.
    """
    method = spec.method
    if arm not in method.arms:
        known = nearest(arm, method.arms) or f"; there is {', '.join(method.arms) or 'none'}"
        raise NotFound(f"arm {arm!r} is not in the spec{known}")
    arms, chains = _needed(method, arm)
    kept = method.model_copy(update={
        "arms": {name: a for name, a in method.arms.items() if name in arms},
        "synthesis": {name: c for name, c in method.synthesis.items() if name in chains},
        "benchmarks": (),
        "evaluate": method.evaluate.model_copy(update={"baseline": None}),
    })  # fmt: skip
    return spec.model_copy(update={"method": kept.model_copy(update={"datasets": _datasets(kept)})})


def _needed(method: Method, arm: str) -> tuple[set[str], set[str]]:
    arms, chains, waiting = set[str](), set[str](), [arm]
    while waiting:
        name = waiting.pop()
        arms.add(name)
        used = {data for data in method.arms[name].all_sources if data in method.synthesis}
        chains |= used
        starts = [
            arm_of(method.arms[name].start),
            *(arm_of(method.synthesis[c].segment.weights) for c in used),
        ]
        waiting += [start for start in starts if start and start not in arms]
    return arms, chains


def _datasets(method: Method) -> dict[str, object]:
    wanted = {*method.benchmarks, *(chain.dataset for chain in method.synthesis.values())}
    wanted |= {data for arm in method.arms.values() for data in arm.all_sources}
    made_of = {getattr(method.datasets[name], "of", "") for name in wanted if name in method.datasets}
    return {name: dataset for name, dataset in method.datasets.items() if name in wanted | made_of}
