"""Small trainings of the micro network: rows in a store, and requests over them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from services.trainer.backends.micro import MicroBackend
from services.trainer.job_settings import JobSettings
from services.trainer.manifest import encode_request, process_command
from synres.data.images import encode_png
from synres.domain.masks import encode_mask
from synres.domain.types import Triplet
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action
from synres.microworld.datasets import Picture, benchmark, real_training_set
from synres.ports import JobRunner, JobStatus, ShardRequest
from synres.stages.evaluate import EVALUATE
from synres.stages.params import EvaluateParams, MixturePart, TrainParams, encode_params
from synres.stages.shard import StageCode
from synres.stages.train import FROM_SCRATCH, TRAIN
from tests.fake_kubernetes import IMAGE

PARAMS = TrainParams(
    backend="micro",
    seed=7,
    parts=(MixturePart(name="refer_seg", ratio=1, rows="triplets", inputs=(0,)),),
    weights_input=FROM_SCRATCH,
    steps=6,
    batch_size=2,
    learning_rate=1e-3,
    warmup_steps=2,
    mosaic_probability=0.5,
    mosaic_from="refer_seg",
    superclass_probability=0.5,
    checkpoint_every=2,
)


def put_triplets(ledger: Ledger, pictures: Iterable[Picture]) -> str:
    """The digest of the pictures' rows of Triplet."""
    rows = []
    for picture in pictures:
        image = ledger.put_blob(encode_png(picture.image), "image/png")
        rows += [
            Triplet(
                picture.name, image, encode_mask(e.mask), e.expression, e.category, e.subset, picture.domain
            )
            for e in picture.expressions
        ]
    return ledger.put_rows(rows).digest


def real_rows(ledger: Ledger, pictures: int = 8) -> str:
    return put_triplets(ledger, real_training_set(3, pictures))


def benchmark_rows(ledger: Ledger, scenes: int = 2) -> str:
    return put_triplets(ledger, benchmark(3, "dev", scenes))


def train_request(ledger: Ledger, **changes: Any) -> ShardRequest:
    """`PARAMS` with changes, over eight pictures."""
    return _request(TRAIN, encode_params(replace(PARAMS, **changes)), (real_rows(ledger),))


def evaluate_request(weights: str, rows: str) -> ShardRequest:
    return _request(EVALUATE, encode_params(EvaluateParams(backend="micro")), (weights, rows))


def _request(stage: StageCode, params: bytes, inputs: tuple[str, ...]) -> ShardRequest:
    action = Action(stage.name, stage.version, MicroBackend().model.digest, params.decode(), inputs)
    return ShardRequest(stage.name, action.digest(), inputs, params)


def silent(**facts: float | str) -> None:
    """A report that nobody reads."""


def job_settings(**changes: Any) -> JobSettings:
    """Those of a small deployment."""
    return JobSettings.model_validate(
        {"namespace": "synres", "name_prefix": "test", "image": IMAGE, "service_account_name": "t"} | changes,
        by_name=True,
    )


def run_and_kill(ledger: Ledger, request: ShardRequest, after_lines: int) -> None:
    """Starts the job's real process and sends SIGKILL when it has told of so many steps."""
    digest = ledger.put_blob(encode_request(request), "application/json").digest
    command = process_command(digest, ledger.store.url)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(after_lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def wait_for(
    jobs: JobRunner, action: str, is_reached: Callable[[JobStatus], bool], timeout_s: float = 60
) -> JobStatus:
    """The first status that fits; fails after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        status = jobs.status(action)
        if is_reached(status):
            return status
        time.sleep(0.02)
    raise AssertionError(f"not reached within {timeout_s} s: {status}")


def has_ended(status: JobStatus) -> bool:
    return status.state != "running"


def kill(status: JobStatus) -> None:
    """SIGKILL for the process that a running job's status names."""
    os.kill(int(status.facts["pid"]), signal.SIGKILL)
