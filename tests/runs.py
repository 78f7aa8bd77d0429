"""Whole runs with instant backends: specs, ports, and jobs that end at once. Loads no model framework."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from services.coordinator.executor import Call, Executor
from services.coordinator.executors.embedded import EmbeddedExecutor, Ports
from services.coordinator.run import run_spec
from services.grouper.backends import load_backend as load_grouper
from synres.domain.choice import BackendChoice
from synres.domain.types import ModelInfo
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.ports import ArtifactStore, JobRunner, JobStatus, ShardRequest, ShardResult
from synres.spec import RunSpec
from synres.spec_yaml import parse_spec
from synres.stages.backends import Backends, SegmenterBackends
from synres.stages.evaluate import EVALUATE
from synres.stages.shard import Computed, StageCode, run_shard
from synres.stages.train import TRAIN
from tests.instant import (
    InstantAligner,
    InstantCaptioner,
    InstantGenerator,
    InstantSegmenter,
    instant_model,
    load_instant,
)

SPEC = """\
synres: 1
name: instant
seed: 7
method:
  datasets:
    real: {kind: microworld, split: train, scenes: 12}
    test: {kind: microworld, split: test, scenes: 1, domains: [day]}
  synthesis:
    main:
      dataset: real
      samples: 12
      shard_size: 4
      caption: {backend: instant, expressions_per_prompt: 3}
      generate: {backend: instant, images_per_prompt: 2}
      segment: {backend: instant}
  arms:
    real:
      backend: instant
      data: {refer_seg: real}
      mixture: {sem_seg: 0, vqa: 0, reason_seg: 0, synres: 0}
      steps: 1
    synres:
      backend: instant
      data: {refer_seg: real, synres: main}
      mixture: {sem_seg: 0, vqa: 0, reason_seg: 0}
      start: "arm:real"
      steps: 1
  benchmarks: [test]
execution: {workers: 2, patience_s: 30}
"""
NODES = 3 * 4 + 2 + 2


def spec_with(*changes: tuple[str, str]) -> RunSpec:
    """`SPEC` with pieces of its text replaced, each (old, new)."""
    text = SPEC
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse_spec(text, "instant.yaml")


class InstantJobs:
    """A JobRunner whose jobs are over when `submit` returns. Weights are a function of the action."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def submit(self, request: ShardRequest) -> None:
        stage = {"train": TRAIN, "evaluate": EVALUATE}[request.stage]
        model = instant_model(stage.name, 1)
        run_shard(self._ledger, stage, model, request, lambda: self._work(stage, request))

    def status(self, action: str) -> JobStatus:
        return JobStatus("succeeded", 1.0)

    def cancel(self, action: str, run: str = "") -> None:
        """Nothing runs."""

    def log(self, action: str) -> list[str]:
        """They say one line."""
        return [f'{{"message": "{action[:12]} is done"}}']

    def _work(self, stage: StageCode, request: ShardRequest) -> Computed:
        for digest in request.inputs:
            self._ledger.get_blob(digest)
        data = self._ledger.put_blob(f'{{"of":"{request.action}"}}'.encode(), "application/json")
        names = ("weights", "log") if stage is TRAIN else ("rows", "report")
        return Computed(outputs=dict.fromkeys(names, data.digest))


def instant_executor(
    store: ArtifactStore,
    delay_s: float = 0.0,
    version: int = 1,
    generator: type[InstantGenerator] = InstantGenerator,
    captioner: type[InstantCaptioner] = InstantCaptioner,
) -> EmbeddedExecutor:
    """The real embedded executor over instant backends."""
    ledger = Ledger(store)
    return EmbeddedExecutor(ledger, instant_ports(ledger, delay_s, version, generator, captioner))


def instant_ports(
    ledger: Ledger,
    delay_s: float = 0.0,
    version: int = 1,
    generator: type[InstantGenerator] = InstantGenerator,
    captioner: type[InstantCaptioner] = InstantCaptioner,
) -> Ports:
    return Ports(
        Backends(load_instant(captioner, delay_s, version)),
        Backends(load_instant(InstantAligner, delay_s, version)),
        Backends(load_instant(generator, delay_s, version)),
        SegmenterBackends(ledger, load_instant(InstantSegmenter, delay_s, version)),
        Backends(load_grouper),
        InstantJobs(ledger),
        lambda stage, choice: instant_model(stage, 1),
    )


Before = Callable[[ShardRequest], None]


class Between:
    """Stands before an executor: `before` sees each request and may raise.

    `calls` and `computed` (calls that no record answered) count by stage.
    """

    def __init__(self, inner: Executor, before: Before = lambda request: None) -> None:
        self.inner, self.before = inner, before
        self.calls: Counter[str] = Counter()
        self.computed: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def jobs(self) -> JobRunner:
        return self.inner.jobs

    def model(self, stage: str, choice: BackendChoice) -> ModelInfo:
        return self.inner.model(stage, choice)

    def execute(self, request: ShardRequest, call: Call) -> ShardResult:
        with self._lock:
            self.calls[request.stage] += 1
        self.before(request)
        result = self.inner.execute(request, call)
        with self._lock:
            self.computed[request.stage] += not result.cached
        return result

    def is_ready(self, stage: str) -> bool:
        return self.inner.is_ready(stage)

    def replicas(self) -> Mapping[str, int]:
        return self.inner.replicas()


def undisturbed_root(folder: Path, spec: RunSpec | None = None) -> str:
    """The Merkle root of a run that nothing happened to, in a store of its own."""
    store = FileStore(folder)
    return run_spec(spec or spec_with(), store, instant_executor(store)).merkle_root
