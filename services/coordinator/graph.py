"""From a spec and its frozen plan to the nodes of the run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from services.coordinator.engine import Desired, Input, Node, Source
from synres.domain.choice import BackendChoice
from synres.domain.types import GroupParams, ModelInfo
from synres.ledger.runs import Plan
from synres.spec import Align, Arm, Caption, Chain, Generate, Method, RunSpec, Segment
from synres.spec_checks import arm_of
from synres.stages.align import ALIGN
from synres.stages.caption import CAPTION
from synres.stages.evaluate import EVALUATE
from synres.stages.generate import GENERATE
from synres.stages.group import GROUP
from synres.stages.params import (
    AlignParams,
    CaptionParams,
    ChoiceParams,
    EvaluateParams,
    GenerateParams,
    GroupStageParams,
    MixturePart,
    SegmentParams,
    TrainParams,
    encode_params,
)  # fmt: skip
from synres.stages.segment import SEGMENT
from synres.stages.shard import StageCode
from synres.stages.train import BASE, FROM_SCRATCH, TRAIN

_STARTS = {"scratch": FROM_SCRATCH, "base": BASE}
Models = Mapping[tuple[str, BackendChoice], ModelInfo]
"""(stage, choice of a backend) -> what computes it."""


def backends_of(method: Method) -> list[tuple[str, BackendChoice]]:
    """Every (stage, choice) that the method uses, sorted."""
    stages = ("caption", "generate", "align", "segment")
    used = {(stage, part.choice) for chain in method.synthesis.values() for stage in stages
            if (part := getattr(chain, stage))}  # fmt: skip
    used |= {("group", BackendChoice(chain.group.backend)) for chain in method.synthesis.values()}
    used |= {(stage, arm.choice) for arm in method.arms.values() for stage in ("train", "evaluate")}
    return sorted(used, key=lambda pair: (pair[0], pair[1].label))


def shards_root(chain: str) -> str:
    """The plan's name for the shards of a chain."""
    return f"shards/{chain}"


def triplets_root(dataset: str) -> str:
    """The plan's name for the annotated expressions of a dataset."""
    return f"triplets/{dataset}"


def build_desired(spec: RunSpec, models: Models, plan: Plan) -> Desired:
    """All nodes of the run, inputs first."""
    graph = _Graph(spec, models, plan)
    for name in spec.method.synthesis:
        graph.add_chain(name)
    for name in spec.method.arms:
        graph.add_arm(name)
    return Desired(list(graph.nodes.values()))


class _Graph:
    """Chains and arms may wait for each other, so each adds first what it waits for; a spec has no cycles."""

    def __init__(self, spec: RunSpec, models: Models, plan: Plan) -> None:
        self.nodes: dict[str, Node] = {}
        self._seed, self._method = spec.seed, spec.method
        self._models, self._plan = models, plan
        self._added: set[str] = set()

    def add_chain(self, name: str) -> None:
        if not self._is_new(f"chain:{name}"):
            return
        chain = self._method.synthesis[name]
        weights, steps = self._weights(chain.segment.weights), _steps(chain, self._seed)
        for index, shard in enumerate(self._plan[shards_root(name)]):
            inputs: tuple[Input, ...] = (shard,)
            for stage, choice, params in steps:
                node = f"{stage.name}/{name}/{index:05d}"
                if stage is SEGMENT:
                    inputs += weights
                self._add(node, stage, choice, params, inputs, name)
                inputs = (Source(node),)

    def add_arm(self, name: str) -> None:
        if not self._is_new(f"arm:{name}"):
            return
        arm = self._method.arms[name]
        training, data = self._training(arm)
        self._add(f"train/{name}", TRAIN, arm.choice, encode_params(training).decode(), data)
        evaluation = EvaluateParams(**_chosen(arm), definition=self._method.evaluate.definition)
        params = encode_params(evaluation).decode()
        for benchmark in self._method.benchmarks:
            inputs: tuple[Input, ...] = (
                Source(f"train/{name}", "weights"),
                *self._plan[triplets_root(benchmark)],
            )
            self._add(f"evaluate/{name}/{benchmark}", EVALUATE, arm.choice, params, inputs)

    def _is_new(self, name: str) -> bool:
        new = name not in self._added
        self._added.add(name)
        return new

    def _weights(self, text: str) -> tuple[Input, ...]:
        arm = arm_of(text)
        if not arm:
            return ()
        self.add_arm(arm)
        return (Source(f"train/{arm}", "weights"),)

    def _training(self, arm: Arm) -> tuple[TrainParams, tuple[Input, ...]]:
        inputs: list[Input] = []
        parts = []
        # ratios stay whole numbers when each source has its share of its part's
        finest = math.lcm(*(len(arm.sources(part)) for part in arm.data))
        for part, ratio in arm.mixture.model_dump().items():
            sources = arm.sources(part)
            for source in sources:
                name = part if len(sources) == 1 else f"{part}/{source}"
                rows, found = self._rows(source)
                places = tuple(range(len(inputs), len(inputs) + len(found)))
                share = ratio * finest // len(sources)
                parts.append(MixturePart(name=name, ratio=share, rows=rows, inputs=places))
                inputs += found
        start = self._weights(arm.start)
        weights_input = len(inputs) if start else _STARTS[arm.start]
        params = _train_params(arm, self._seed, tuple(parts), weights_input, self._method.faults)
        return params, (*inputs, *start)

    def _rows(self, data: str) -> tuple[str, list[Input]]:
        if data in self._method.datasets:
            return "triplets", list(self._plan[triplets_root(data)])
        self.add_chain(data)
        return "grouped", list(self._groups(data))

    def _groups(self, chain: str) -> Iterator[Input]:
        for index in range(len(self._plan[shards_root(chain)])):
            yield Source(f"group/{chain}/{index:05d}")

    def _add(self, name: str, stage: StageCode, choice: BackendChoice, params: str, inputs: tuple[Input, ...],
             chain: str = "") -> None:  # fmt: skip
        digest = self._models[stage.name, choice].digest
        self.nodes[name] = Node(name, stage.name, stage.version, digest, params, inputs, chain)


def _steps(chain: Chain, seed: int) -> list[tuple[StageCode, BackendChoice, str]]:
    """Stage, choice and params of the chain, which all of its shards share."""
    caption, generate, segment, group = chain.caption, chain.generate, chain.segment, chain.group
    itag = GroupParams(group.tau, group.agreement, group.linkage, group.min_members, group.consensus)
    params: list[tuple[StageCode, ChoiceParams]] = [
        (CAPTION, CaptionParams(
            **_chosen(caption), seed=seed, expressions_per_prompt=caption.expressions_per_prompt,
            prompts_per_sample=caption.prompts_per_sample)),
        (GENERATE, GenerateParams(
            **_chosen(generate), seed=seed, images_per_prompt=generate.images_per_prompt)),
        *_align_step(chain),
        (SEGMENT, SegmentParams(**_chosen(segment))),
        (GROUP, GroupStageParams(backend=group.backend, itag=itag)),
    ]  # fmt: skip
    return [(stage, asked.choice, encode_params(asked).decode()) for stage, asked in params]


def _align_step(chain: Chain) -> list[tuple[StageCode, ChoiceParams]]:
    if chain.align is None:
        return []
    return [(ALIGN, AlignParams(**_chosen(chain.align), min_alignment=chain.align.min_alignment))]


def _chosen(part: Align | Caption | Generate | Segment | Arm) -> dict[str, Any]:
    return {"backend": part.backend, "model": part.model, "options": part.options}


def _train_params(
    arm: Arm, seed: int, parts: tuple[MixturePart, ...], weights_input: int,
    faults: Literal["mended", "original"],
) -> TrainParams:  # fmt: skip
    return TrainParams(
        **_chosen(arm), seed=seed, parts=parts, weights_input=weights_input, steps=arm.steps,
        batch_size=arm.batch_size, learning_rate=arm.learning_rate, warmup_steps=arm.warmup_steps,
        micro_batch_size=arm.micro_batch_size, decay=arm.decay, adam_betas=arm.adam_betas,
        weight_decay=arm.weight_decay, checkpoint_every=arm.checkpoint_every,
        mosaic_probability=arm.mosaic.probability, mosaic_tiles=arm.mosaic.tiles,
        mosaic_from=arm.mosaic.source, mosaic_dense=arm.mosaic.dense,
        superclass_probability=arm.superclass_probability,
        superclass_table=arm.superclass_table, faults=faults,
    )  # fmt: skip
