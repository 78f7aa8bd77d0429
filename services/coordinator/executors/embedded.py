"""Stages in this process, over ports handed in; trainings and evaluations through a JobRunner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from services.coordinator.executor import Call
from services.coordinator.executors.jobs import run_job
from synres.domain.choice import BackendChoice
from synres.domain.types import ModelInfo
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.ports import Aligner, Captioner, Grouper, ImageGenerator, JobRunner, ShardRequest, ShardResult
from synres.stages.align import run_align_shard
from synres.stages.backends import Backends, SegmenterBackends
from synres.stages.caption import run_caption_shard
from synres.stages.generate import run_generate_shard
from synres.stages.group import run_group_shard
from synres.stages.params import (
    AlignParams,
    CaptionParams,
    GenerateParams,
    GroupStageParams,
    SegmentParams,
    decode_params,
)
from synres.stages.segment import run_segment_shard


@dataclass(frozen=True, slots=True)
class Ports:
    """Backends by choice. `job_model` takes a stage ("train", "evaluate") and a choice."""

    captioners: Backends[Captioner]
    aligners: Backends[Aligner]
    generators: Backends[ImageGenerator]
    segmenters: SegmenterBackends
    groupers: Backends[Grouper]
    jobs: JobRunner
    job_model: Callable[[str, BackendChoice], ModelInfo]


class EmbeddedExecutor:
    """Executor in process: the same stage functions that the servicers call."""

    def __init__(self, ledger: Ledger, ports: Ports) -> None:
        self._ledger, self._ports = ledger, ports

    def model(self, stage: str, choice: BackendChoice) -> ModelInfo:
        ports = self._ports
        if stage == "caption":
            return ports.captioners.get(choice).model
        if stage == "generate":
            return ports.generators.get(choice).model
        if stage == "align":
            return ports.aligners.get(choice).model
        if stage == "segment":
            return ports.segmenters.get(choice).model
        if stage == "group":
            return ports.groupers.get(choice).model
        return ports.job_model(stage, choice)

    def execute(self, request: ShardRequest, call: Call) -> ShardResult:
        ledger, ports, check = self._ledger, self._ports, call.check
        if request.stage == "caption":
            captioner = ports.captioners.get(decode_params(request.params, CaptionParams).choice)
            return run_caption_shard(ledger, captioner, request, check)
        if request.stage == "generate":
            generator = ports.generators.get(decode_params(request.params, GenerateParams).choice)
            return run_generate_shard(ledger, generator, request, check)
        if request.stage == "align":
            aligner = ports.aligners.get(decode_params(request.params, AlignParams).choice)
            return run_align_shard(ledger, aligner, request, check)
        if request.stage == "segment":
            choice = decode_params(request.params, SegmentParams).choice
            open_segmenter = partial(ports.segmenters.get_trained, choice)
            return run_segment_shard(ledger, open_segmenter, self.model("segment", choice), request, check)
        if request.stage == "group":
            grouper = ports.groupers.get(decode_params(request.params, GroupStageParams).choice)
            return run_group_shard(ledger, grouper, request, check)
        if request.stage in ("train", "evaluate"):
            return run_job(ports.jobs, ledger, request, call)
        raise InvalidInput(f"there is no stage {request.stage!r}")

    def is_ready(self, stage: str) -> bool:
        """What is in this process is there as long as the driver is."""
        return True
