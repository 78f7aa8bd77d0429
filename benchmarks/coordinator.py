"""The coordinator alone: 200,000 samples, shards of 500, four instant stages, embedded, durable files.

    python -m benchmarks.coordinator [--datatrove PYTHON]

Each stage reads its shard's rows, typed, and writes one small row a sample. `--datatrove` names an
interpreter that has datatrove: its local executor then does the same over four persisted stages.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.coordinator.engine import STAGES, Desired, Input, Node, Source
from services.coordinator.events import ignore
from services.coordinator.executor import Call
from services.coordinator.plan import Frozen
from services.coordinator.run import drive
from synres.domain.choice import BackendChoice
from synres.domain.types import ModelInfo
from synres.ledger.ledger import Ledger
from synres.ledger.runs import RunFolder
from synres.ledger.stores import open_store
from synres.ledger.verify import verify_run
from synres.ports import ShardRequest, ShardResult
from synres.spec import RunSpec
from synres.stages.shard import Computed, StageCode, run_shard

SHARD = 500
MODEL = ModelInfo("instant", "0" * 64, "Apache-2.0", bitwise=True)


@dataclass(frozen=True, slots=True)
class Row:
    """What a stage writes for a sample."""

    item: str
    value: str


class InstantStages:
    """Executor whose stages do nothing but read and write rows."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def model(self, stage: str, choice: BackendChoice) -> ModelInfo:
        return MODEL

    def execute(self, request: ShardRequest, call: Call) -> ShardResult:
        def work() -> Computed:
            rows = self._ledger.get_rows(request.inputs[0], Row)
            made = self._ledger.put_rows(Row(row.item, request.stage) for row in rows)
            return Computed(outputs={"rows": made.digest}, counts={"in": len(rows), "out": len(rows)})

        return run_shard(self._ledger, StageCode(request.stage, 1), MODEL, request, work)

    def is_ready(self, stage: str) -> bool:
        return True

    def replicas(self) -> dict[str, int]:
        return {}


def freeze(ledger: Ledger, samples: int, workers: int) -> Frozen:
    """Shards in the store and four nodes for each."""
    spec = RunSpec.model_validate(
        {"synres": 1, "name": "benchmark", "method": {"datasets": {}}, "execution": {"workers": workers}}
    )
    shards = [
        ledger.put_rows(
            Row(f"{index:064x}", "sample") for index in range(start, min(start + SHARD, samples))
        ).digest
        for start in range(0, samples, SHARD)
    ]
    folder = RunFolder(ledger.store, "benchmark")
    folder.freeze({"name": "benchmark"})
    folder.put_plan({"shards/main": shards})
    nodes = []
    for index, shard in enumerate(shards):
        inputs: tuple[Input, ...] = (shard,)
        for stage in STAGES[:4]:
            nodes.append(Node(f"{stage}/main/{index:05d}", stage, 1, MODEL.digest, "{}", inputs, "main"))
            inputs = (Source(nodes[-1].name),)
    return Frozen("benchmark", spec, {}, {}, Desired(nodes), samples)


def timed(work: Callable[[], object]) -> tuple[float, object]:
    started_s = time.perf_counter()
    result = work()
    return time.perf_counter() - started_s, result


def measure(samples: int, workers: int, folder: str) -> dict[str, float]:
    store = open_store(folder)
    ledger = Ledger(store)
    frozen = freeze(ledger, samples, workers)
    before_mb = peak_mb()
    cold_s, commit = timed(lambda: drive(frozen, ledger, InstantStages(ledger), ignore, threading.Event()))
    again_s, again = timed(lambda: drive(frozen, ledger, InstantStages(ledger), ignore, threading.Event()))
    verify_s, report = timed(lambda: verify_run(store, "benchmark"))
    assert report.sound and again == commit, report
    return {
        "samples_per_s": samples / cold_s,
        "seconds": cold_s,
        "second_run_s": again_s,
        "verify_s": verify_s,
        "verified_blobs": report.blobs,
        "peak_mb": peak_mb(),
        "grown_mb": peak_mb() - before_mb,
    }


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_datatrove(python: str, samples: int, workers: int, folder: str) -> dict[str, float]:
    script = Path(__file__).with_name("coordinator_datatrove.py")
    command = [python, str(script), str(samples), str(SHARD), str(workers), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--datatrove", metavar="PYTHON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = {"synres": measure(asked.samples, asked.workers, folder)}
    if asked.datatrove:
        with tempfile.TemporaryDirectory() as folder:
            report["datatrove"] = measure_datatrove(asked.datatrove, asked.samples, 2, folder)
    json.dump(report, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
