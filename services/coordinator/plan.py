"""Freezes a run: datasets in the store, models known, licences allowed, shards cut.

The same spec, over the same data and models, is the same run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from services.coordinator.datasets import Ingested, Locate, anywhere, ingest_datasets, sources
from services.coordinator.engine import Desired
from services.coordinator.executor import Executor
from services.coordinator.graph import Models, backends_of, build_desired, shards_root, triplets_root
from synres.domain.choice import BackendChoice
from synres.domain.digests import digest_json
from synres.domain.seeds import derive_seed
from synres.domain.types import ModelInfo, Sample, split_licences
from synres.errors import InvalidInput, NotFound, ServiceUnavailable
from synres.ledger.ledger import Ledger
from synres.ledger.runs import Plan, RunFolder
from synres.ports import ShardResult
from synres.spec import Chain, RunSpec
from synres.stages.shard import Check, never_stop


@dataclass(frozen=True, slots=True)
class Frozen:
    """A run that can be driven, by anybody, any number of times."""

    run: str
    spec: RunSpec
    models: Models
    datasets: Mapping[str, Ingested]
    desired: Desired
    samples: int
    """Root samples of all chains: what `max_failed_fraction` is a fraction of."""


def identify(spec: RunSpec, executor: Executor, locate: Locate = anywhere) -> str:
    """The run's id before anything of it is in the store. Raises InvalidInput or BackendUnavailable."""
    models = _models(spec, executor)
    return _run_id(spec, _described(models), sources(spec.method, locate))


def _models(spec: RunSpec, executor: Executor) -> Models:
    models: dict[tuple[str, BackendChoice], ModelInfo] = {}
    absent: list[ServiceUnavailable] = []
    for stage, choice in backends_of(spec.method):
        try:
            models[stage, choice] = executor.model(stage, choice)
        except ServiceUnavailable as error:
            # the others are asked all the same: whoever sleeps is woken together
            absent.append(error)
    if absent:
        raise absent[0]
    _check_licences(spec, models)
    return models


def _described(models: Models) -> dict[str, dict[str, object]]:
    return {f"{stage}/{choice.label}": asdict(model) for (stage, choice), model in models.items()}


def _run_id(spec: RunSpec, described: Mapping[str, object], found: Mapping[str, str]) -> str:
    return digest_json([spec.digest(), described, found])[:12]


def freeze_run(
    spec: RunSpec, ledger: Ledger, executor: Executor, on_ready: Callable[[str, ShardResult], None],
    locate: Locate = anywhere, check: Check = never_stop,
) -> Frozen:  # fmt: skip
    """Raises InvalidInput for a licence that the policy does not allow or a dataset too small for its use."""
    models = _models(spec, executor)
    described = _described(models)
    run = _run_id(spec, described, sources(spec.method, locate))
    datasets = ingest_datasets(ledger, spec.method, on_ready, locate, check)
    read = {name: dataset.request.action for name, dataset in datasets.items()}
    folder = RunFolder(ledger.store, run)
    folder.freeze({"name": spec.name, "spec": spec.frozen().decode(), "models": described, "datasets": read})
    plan = folder.plan() or folder.put_plan(cut(spec, ledger, datasets))
    samples = sum(_take_count(chain, datasets) for chain in spec.method.synthesis.values())
    return Frozen(run, spec, models, datasets, build_desired(spec, models, plan), samples)


def _check_licences(spec: RunSpec, models: Models) -> None:
    allowed = spec.execution.policy.allowed_licences
    for (stage, choice), model in models.items():
        for licence in split_licences(model.licence):
            if allowed is not None and licence not in allowed:
                raise InvalidInput(
                    f"{_place(stage, choice, model)} has the licence {licence!r}, and the spec allows"
                    f" {', '.join(allowed) or 'none'}: add it to execution.policy.allowed_licences"
                )


def cut(spec: RunSpec, ledger: Ledger, datasets: Mapping[str, Ingested]) -> Plan:
    roots: dict[str, tuple[str, ...]] = {
        triplets_root(name): (found.result.outputs["triplets"],) for name, found in datasets.items()
    }
    for name, chain in spec.method.synthesis.items():
        samples = ledger.get_rows(datasets[chain.dataset].result.outputs["samples"], Sample)
        roots[shards_root(name)] = tuple(_shards(ledger, choose(samples, chain.samples, spec.seed), chain))
    return roots


def choose(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """`count` of them by a draw that looks at content alone: the order they came in does not matter."""
    return sorted(samples, key=lambda sample: (derive_seed(seed, "choose", sample.item), sample.item))[:count]


def _shards(ledger: Ledger, samples: Sequence[Sample], chain: Chain) -> Iterator[str]:
    for start in range(0, len(samples), chain.shard_size):
        yield ledger.put_rows(samples[start : start + chain.shard_size]).digest


def _take_count(chain: Chain, datasets: Mapping[str, Ingested]) -> int:
    there = datasets[chain.dataset].result.counts["samples"]
    if not there:
        raise InvalidInput(f"dataset {chain.dataset!r} holds no usable sample; see its rejections")
    return min(chain.samples, there)


def licences(models: Models) -> dict[str, str]:
    """ "stage/backend", with the model's name where it has one of its own, -> licence; for COMMIT."""
    return {_place(stage, choice, model): model.licence for (stage, choice), model in models.items()}


def _place(stage: str, choice: BackendChoice, model: ModelInfo) -> str:
    return f"{stage}/{choice.backend}" + ("" if model.name == choice.backend else f" {model.name}")


def spec_of(folder: RunFolder) -> RunSpec:
    """The spec that a run was frozen with; how it was executed is not kept. Raises NotFound."""
    frozen = folder.spec()
    return RunSpec.model_validate({"name": frozen["name"], **json.loads(frozen["spec"])})


def open_desired(folder: RunFolder) -> tuple[str, Desired]:
    """Name and nodes of a run as they were frozen: no dataset is read, no model loaded. Raises NotFound."""
    frozen, plan = folder.spec(), folder.plan()
    if plan is None:
        raise NotFound(f"run {folder.run} has no plan yet: run its spec again")
    spec = spec_of(folder)
    models = {
        (stage, choice): ModelInfo(**frozen["models"][f"{stage}/{choice.label}"])
        for stage, choice in backends_of(spec.method)
    }
    return spec.name, build_desired(spec, models, plan)
