"""Stages in this process, over ports handed in; trainings and evaluations through a JobRunner."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from synres.stages.shard import Check

_POLL_S = 0.1


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
    """Executor in process: the same stage functions that the servicers call, shards of a backend in turn."""

    def __init__(self, ledger: Ledger, ports: Ports) -> None:
        self._ledger, self._ports = ledger, ports
        self._turns: dict[int, threading.Lock] = {}

    @property
    def jobs(self) -> JobRunner:
        return self._ports.jobs

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
            with self._turn(captioner, check):
                return run_caption_shard(ledger, captioner, request, check)
        if request.stage == "generate":
            generator = ports.generators.get(decode_params(request.params, GenerateParams).choice)
            with self._turn(generator, check):
                return run_generate_shard(ledger, generator, request, check)
        if request.stage == "align":
            aligner = ports.aligners.get(decode_params(request.params, AlignParams).choice)
            with self._turn(aligner, check):
                return run_align_shard(ledger, aligner, request, check)
        if request.stage == "segment":
            choice = decode_params(request.params, SegmentParams).choice
            segmenter = ports.segmenters.get(choice)
            open_segmenter = partial(ports.segmenters.get_trained, choice)
            with self._turn(segmenter, check):
                return run_segment_shard(ledger, open_segmenter, segmenter.model, request, check)
        if request.stage == "group":
            grouper = ports.groupers.get(decode_params(request.params, GroupStageParams).choice)
            with self._turn(grouper, check):
                return run_group_shard(ledger, grouper, request, check)
        if request.stage in ("train", "evaluate"):
            return run_job(ports.jobs, ledger, request, call)
        raise InvalidInput(f"there is no stage {request.stage!r}")

    @contextmanager
    def _turn(self, backend: object, check: Check) -> Iterator[None]:
        """Alone with the backend, unless it says that its calls may overlap; waits while the caller waits."""
        if getattr(backend, "thread_safe", False):
            yield
            return
        turn = self._turns.setdefault(id(backend), threading.Lock())
        while not turn.acquire(timeout=_POLL_S):
            check()
        try:
            yield
        finally:
            turn.release()

    def is_ready(self, stage: str) -> bool:
        """What is in this process is there as long as the driver is."""
        return True

    def replicas(self) -> dict[str, int]:
        """All stages share this process."""
        return {}
