"""What a spec must satisfy beyond its types: names exist, arms and chains do not wait for each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from synres.errors import InvalidInput, MixturePartEmpty, SpecInvalid
from synres.spec import Arm, Chain, CutpasteScenes, Method, RunSpec, Segment


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where. `name` was given; `known` are the names it may have meant."""

    place: tuple[str | int, ...]
    message: str
    name: str = ""
    known: tuple[str, ...] = ()
    kind: type[InvalidInput] = SpecInvalid


Backends: TypeAlias = Mapping[str, Sequence[str]]
"""Stage ("caption", ..., "group", or "train" for arms) -> names of the backends there are, and "scratch"
-> of those that train from nothing."""


def find_problem(spec: RunSpec, backends: Backends | None = None) -> Problem | None:
    """The first problem, or None. Without `backends` any name of one will do."""
    method = spec.method
    checks = (_datasets, _chains, _arms, _benchmarks, _cycles)
    found = (problem for check in checks for problem in check(method))
    return next(itertools.chain(found, _backends(method, backends or {})), None)


def _unknown(place: tuple[str | int, ...], name: str, known: Iterable[str], what: str) -> Problem:
    return Problem(place, f"there is no {what} {name!r}", name, tuple(known))


def _datasets(method: Method) -> Iterator[Problem]:
    for name, dataset in method.datasets.items():
        if not isinstance(dataset, CutpasteScenes):
            continue
        place = ("method", "datasets", name, "of")
        source = method.datasets.get(dataset.of)
        if source is None:
            yield _unknown(place, dataset.of, method.datasets, "dataset")
        elif isinstance(source, CutpasteScenes):
            yield Problem(place, f"{dataset.of!r} is itself composed; name a dataset of pictures")


def _chains(method: Method) -> Iterator[Problem]:
    for name, chain in method.synthesis.items():
        place = ("method", "synthesis", name)
        asked, wanted = chain.caption.expressions_per_prompt, chain.group.min_members
        if wanted > asked:
            message = f"a group of {wanted} cannot be: a prompt has {asked} expressions"
            yield Problem((*place, "group", "min_members"), message)
        if name in method.datasets:
            yield Problem(place, "a dataset has this name too; arms could not tell them apart")
        if chain.dataset not in method.datasets:
            yield _unknown((*place, "dataset"), chain.dataset, method.datasets, "dataset")
        arm = arm_of(chain.segment.weights)
        if arm and arm not in method.arms:
            yield _unknown((*place, "segment", "weights"), arm, method.arms, "arm")
        elif arm:
            yield from _seen_before(method, name, chain, arm)
            yield from _other_model((*place, "segment", "weights"), chain.segment, method.arms[arm], arm)


def _seen_before(method: Method, name: str, chain: Chain, arm: str) -> Iterator[Problem]:
    # cutpaste copies the pixels of its source: a model trained on them would be asked what it was taught
    seen = {root_of(method, data) for data in method.arms[arm].all_sources if data in method.datasets}
    if chain.generate.backend == "cutpaste" and root_of(method, chain.dataset) in seen:
        place = ("method", "synthesis", name, "segment", "weights")
        yield Problem(place, f"arm {arm!r} was trained on {chain.dataset!r}, whose pixels this chain copies")


def _other_model(place: tuple[str, ...], user: Segment | Arm, trained: Arm, arm: str) -> Iterator[Problem]:
    # two models of one size would take each other's weights, and draw nonsense
    if (user.backend, user.model) != (trained.backend, trained.model):
        own, other = (f"{choice.backend} {choice.model}".strip() for choice in (user, trained))
        yield Problem(
            place, f"arm {arm!r} trains {other}, and this is {own}: name one backend and model for both"
        )


def root_of(method: Method, dataset: str) -> str:
    """The dataset whose pixels `dataset` shows: itself, or what it was composed from."""
    found = method.datasets.get(dataset)
    return found.of if isinstance(found, CutpasteScenes) else dataset


def _arms(method: Method) -> Iterator[Problem]:
    for name, arm in method.arms.items():
        place = ("method", "arms", name)
        yield from _sources(method, (*place, "data"), arm)
        other = arm_of(arm.start)
        if other and other not in method.arms:
            yield _unknown((*place, "start"), other, method.arms, "arm")
        elif other:
            yield from _other_model((*place, "start"), arm, method.arms[other], other)
        if arm.steps:
            yield from _mixture(place, arm)
    baseline = method.evaluate.baseline
    if baseline is not None and baseline not in method.arms:
        yield _unknown(("method", "evaluate", "baseline"), baseline, method.arms, "arm")


def _sources(method: Method, place: tuple[str, ...], arm: Arm) -> Iterator[Problem]:
    known = (*method.datasets, *method.synthesis)
    for part in arm.data:
        sources = dict.fromkeys(arm.sources(part))
        for data in filter(lambda source: source not in known, sources):
            yield _unknown((*place, part), data, known, "dataset or chain")
        # each has its share under its own name, so a second one would take the place of the first
        if len(sources) < len(arm.sources(part)):
            yield Problem((*place, part), f"{part} names a source twice; keep one")


def _mixture(place: tuple[str, ...], arm: Arm) -> Iterator[Problem]:
    ratios = arm.mixture.model_dump()
    for part, ratio in ratios.items():
        if ratio and part not in arm.data:
            message = f"{part} has ratio {ratio} and no data; give it data, or the ratio 0"
            yield Problem((*place, "mixture", part), message, kind=MixturePartEmpty)
    if not any(ratios.values()):
        yield Problem((*place, "mixture"), "all ratios are 0", kind=MixturePartEmpty)
    fewest, most = arm.mosaic.tiles
    if fewest > most:
        yield Problem((*place, "mosaic", "tiles"), f"fewest tiles {fewest} are more than most {most}")
    if arm.mosaic.probability and arm.mosaic.source not in arm.data:
        yield Problem((*place, "mosaic", "source"), f"{arm.mosaic.source} has no data to take tiles from")
    elif arm.mosaic.probability and len(arm.sources(arm.mosaic.source)) > 1:
        yield Problem(
            (*place, "mosaic", "source"), f"tiles come from one source; {arm.mosaic.source} has several"
        )


def _benchmarks(method: Method) -> Iterator[Problem]:
    for index, name in enumerate(method.benchmarks):
        if name not in method.datasets:
            yield _unknown(("method", "benchmarks", index), name, method.datasets, "dataset")


def _cycles(method: Method) -> Iterator[Problem]:
    waits = {f"arm:{name}": {arm.start, *(f"chain:{data}" for data in arm.all_sources)}
             for name, arm in method.arms.items()}  # fmt: skip
    waits |= {f"chain:{name}": {chain.segment.weights} for name, chain in method.synthesis.items()}
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        waiting = error.args[1]
        first = next(name for name in method.arms if f"arm:{name}" in waiting)
        message = f"arms and chains wait for each other: {' -> '.join(waiting)}"
        yield Problem(("method", "arms", first), message)


def _backends(method: Method, backends: Backends) -> Iterator[Problem]:
    stages = [stage for stage in backends if stage not in ("train", "scratch")]
    uses: list[tuple[tuple[str, ...], str, str]] = [
        (("synthesis", name, stage), stage, getattr(getattr(chain, stage), "backend", ""))
        for name, chain in method.synthesis.items() for stage in stages
    ]  # fmt: skip
    if "train" in backends:
        uses += [(("arms", name), "train", arm.backend) for name, arm in method.arms.items()]
    for place, stage, name in uses:
        # a stage that the chain leaves out has none
        if name and name not in backends[stage]:
            yield _unknown(("method", *place, "backend"), name, backends[stage], "backend")
    for name, arm in method.arms.items():
        if arm.start == "scratch" and arm.backend not in backends.get("scratch", (arm.backend,)):
            message = f"backend {arm.backend} does not start from scratch: say base, and the model"
            yield Problem(("method", "arms", name, "start"), message)


def arm_of(text: str) -> str:
    """The name in "arm:<name>", else ""."""
    return text.removeprefix("arm:") if text.startswith("arm:") else ""
