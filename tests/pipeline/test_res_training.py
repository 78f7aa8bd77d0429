"""A whole run whose arms are LISAs: trained, trained on, evaluated, and used for pseudo-masks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from services.coordinator.executors.embedded import EmbeddedExecutor, Ports
from services.coordinator.run import run_spec, status
from services.grouper.backends import load_backend as load_grouper
from services.segmenter.backends import load_backend as load_segmenter
from services.trainer.backends import load_backend as load_trainable
from synres.ledger.ledger import Ledger
from synres.ledger.runs import list_runs
from synres.ports import ShardRequest
from synres.spec_yaml import parse_spec
from synres.stages.backends import Backends, SegmenterBackends
from tests.fakes import MemoryStore
from tests.instant import InstantAligner, InstantCaptioner, InstantGenerator, load_instant
from tests.res_trainings import JobsAtOnce, register_all
from tests.runs import Between

SPEC = """\
synres: 1
name: lisa
seed: 7
method:
  datasets:
    real: {kind: microworld, split: train, scenes: 2}
    test: {kind: microworld, split: test, scenes: 1, domains: [day]}
  synthesis:
    main:
      dataset: real
      samples: 1
      caption: {backend: instant, expressions_per_prompt: 3}
      generate: {backend: instant, images_per_prompt: 1}
      segment: {backend: lisa, model: tiny/lisa-base, options: &parts {sam: tiny/sam}, weights: "arm:tuned"}
  arms:
    tuned: &tuned
      backend: lisa
      model: tiny/lisa-base
      options: {<<: *parts, max_new_tokens: 8}
      data: {refer_seg: real}
      mixture: {sem_seg: 0, vqa: 0, reason_seg: 0, synres: 0}
      steps: 2
      batch_size: 1
    more: {<<: *tuned, start: "arm:tuned", options: {<<: *parts, protocol: teacher_forced}}
    synres: {<<: *tuned, data: {refer_seg: real, synres: main}, steps: 0}
  benchmarks: [test]
execution: {workers: 1}
"""


def test_arms_of_lisa_are_trained_evaluated_and_segment(models_dir: Path) -> None:
    """From a base and on from another arm; the chain's masks are those of the trained weights."""
    register_all(models_dir)
    store = MemoryStore()
    ledger = Ledger(store)
    trainables = Backends(load_trainable)
    ports = Ports(
        Backends(load_instant(InstantCaptioner, 0.0, 1)),
        Backends(load_instant(InstantAligner, 0.0, 1)),
        Backends(load_instant(InstantGenerator, 0.0, 1)),
        SegmenterBackends(ledger, load_segmenter),
        Backends(load_grouper),
        JobsAtOnce(ledger),
        lambda stage, choice: trainables.get(choice).model,
    )
    requests: list[ShardRequest] = []
    counted = Between(EmbeddedExecutor(ledger, ports), requests.append)
    run_spec(parse_spec(SPEC), store, counted)
    records = status(store, list_runs(store)[0]).records
    assert counted.computed == Counter(
        {"caption": 1, "generate": 1, "segment": 1, "group": 1, "train": 3, "evaluate": 3}
    )
    weights = {arm: records[f"train/{arm}"].outputs["weights"] for arm in ("tuned", "more", "synres")}
    assert len(set(weights.values())) == 3
    (segmented,) = (request for request in requests if request.stage == "segment")
    assert segmented.inputs[1] == weights["tuned"]
    reports = [
        json.loads(ledger.get_blob(records[f"evaluate/{arm}/test"].outputs["report"]))
        for arm in ("tuned", "more")
    ]
    assert [report["protocol"] for report in reports] == ["generated", "teacher_forced"]
