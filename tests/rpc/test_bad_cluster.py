"""A cluster that is not right: what `synres run` and `synres status` say of it, at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.coordinator.events import Event, TaskProgress
from services.coordinator.executor import Call
from services.coordinator.run import run_spec
from synres.errors import ServiceUnavailable, SettingInvalid, TrainingFailed, Unauthenticated
from synres.ledger.file_store import FileStore
from synres.ports import JobStatus, ShardRequest, ShardResult
from tests.rpc.conftest import Serve
from tests.runs import Between, instant_executor, spec_with

NOBODY = "127.0.0.1:1"
SPEC = """\
synres: 1
name: bad
method:
  datasets:
    real: {kind: microworld, split: train, scenes: 2}
  synthesis:
    main:
      dataset: real
      samples: 2
      caption: {backend: micro}
      generate: {backend: micro}
      segment: {backend: micro}
execution: {executor: grpc, patience_s: 0}
"""
TRAINING = """\
synres: 1
name: bad
method:
  datasets:
    real: {kind: microworld, split: train, scenes: 2}
  arms:
    real:
      backend: micro
      data: {refer_seg: real}
      mixture: {sem_seg: 0, refer_seg: 1, vqa: 0, reason_seg: 0, synres: 0}
      steps: 1
execution: {executor: grpc, patience_s: 0}
"""


def _run(folder: Path, spec: str = SPEC, **environment: str) -> BaseException | None:
    """What ends `synres run` over services of which nobody is there but those in `environment`."""
    (folder / "spec.yaml").write_text(spec)
    services = ("CAPTIONER", "GENERATOR", "SEGMENTER", "GROUPER", "TRAINER")
    nobody = {f"SYNRES_{name}_ADDRESS": NOBODY for name in services}
    command = ["run", str(folder / "spec.yaml"), "--store", str(folder / "store")]
    return CliRunner().invoke(app, command, env=nobody | environment).exception


def test_a_service_that_nobody_serves_is_named(tmp_path: Path) -> None:
    """With its address, and where to look."""
    error = _run(tmp_path)
    assert isinstance(error, ServiceUnavailable)
    assert error.message.startswith(f"the service of caption: nobody is ready at {NOBODY}")
    assert "`kubectl get pods -l app.kubernetes.io/component=captioner` says what its pods" in error.message


def test_a_trainer_that_nobody_serves_is_named(tmp_path: Path) -> None:
    """Its Jobs run elsewhere, but somebody must make them."""
    error = _run(tmp_path, TRAINING)
    assert isinstance(error, ServiceUnavailable)
    assert error.message.startswith("the service of evaluate: UNAVAILABLE")
    assert "`kubectl get pods -l app.kubernetes.io/component=trainer`" in error.message


def test_the_status_says_whom_a_plan_waits_for(tmp_path: Path) -> None:
    """A run that has no plan yet is in no list; the stage that nobody serves is."""
    _run(tmp_path)
    said = CliRunner().invoke(app, ["status", "--store", str(tmp_path / "store")]).output
    assert said.startswith("no run here yet")
    assert "a run is being planned, and no replica of caption is ready" in said
    assert "app.kubernetes.io/component=captioner" in said


def test_another_token_is_named(tmp_path: Path, serve: Serve) -> None:
    """Nothing is computed; the mend is a setting."""
    error = _run(tmp_path, SYNRES_CAPTIONER_ADDRESS=serve("captioner", token="right"), SYNRES_TOKEN="wrong")
    assert isinstance(error, Unauthenticated)
    assert "set SYNRES_TOKEN as the service has it" in error.message


def test_a_store_that_refuses_a_service_ends_the_run(tmp_path: Path) -> None:
    """No item is to blame, and no retry mends keys: the service's sentence is the run's."""
    store = FileStore(tmp_path)

    def refuse(request: ShardRequest) -> None:
        if request.stage == "segment":
            raise SettingInvalid("s3://b: AccessDenied: check SYNRES_S3_ACCESS_KEY and SYNRES_S3_SECRET_KEY")

    with pytest.raises(SettingInvalid, match="check SYNRES_S3_ACCESS_KEY"):
        run_spec(spec_with(), store, Between(instant_executor(store), refuse))


class Pending(Between):
    """The first training waits for an image, and says so, until it has been seen in the status."""

    def execute(self, request: ShardRequest, call: Call) -> ShardResult:
        if request.stage == "train":
            said = "image synres-trainer:gone cannot be pulled: not found"
            call.progress(JobStatus("running", message=said))
        return super().execute(request, call)


def test_a_job_without_an_image_is_in_the_status(tmp_path: Path) -> None:
    """From the store alone: the lease says what its driver was told last."""
    store, seen = FileStore(tmp_path), list[str]()

    def listen(event: Event) -> None:
        if isinstance(event, TaskProgress) and not seen:
            seen.append(_status_that_says(tmp_path, "cannot be pulled"))

    run_spec(spec_with(), store, Pending(instant_executor(store)), listen, lease_ttl_s=1.0)
    assert "waiting for train/real: image synres-trainer:gone cannot be pulled: not found" in seen[0]
    assert "driven by " in seen[0]


def _status_that_says(folder: Path, words: str) -> str:
    """The status, asked for until it says that."""
    deadline_s = time.monotonic() + 60
    while words not in (told := _status(folder)):
        assert time.monotonic() < deadline_s, told
        time.sleep(0.1)
    return told


def _status(folder: Path) -> str:
    return (
        CliRunner().invoke(app, ["status", "instant", "--store", str(folder)], env={"COLUMNS": "200"}).output
    )


def test_a_run_that_stopped_says_why_in_its_status(tmp_path: Path) -> None:
    """Nobody drives it, and what failed last."""
    store = FileStore(tmp_path)

    def fail(request: ShardRequest) -> None:
        if request.stage == "train":
            raise ZeroDivisionError("the backend broke")

    with pytest.raises(TrainingFailed):
        run_spec(spec_with(), store, Between(instant_executor(store), fail))
    said = _status(tmp_path)
    assert "nobody drives it: run its spec again to go on" in said
    assert "last failure: train, ZeroDivisionError: the backend broke" in said
