"""What every JobRunner does: child processes, the same behind the trainer service, and Jobs of a cluster.

The cluster is a fake that runs pods as processes of this machine; `make e2e` shows a real one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from services.trainer.app import build
from services.trainer.backends.micro import MicroBackend
from services.trainer.checkpoints import load_checkpoint
from services.trainer.kubernetes_api import KubernetesApi
from services.trainer.kubernetes_jobs import KubernetesJobs
from services.trainer.manifest import job_name
from services.trainer.recipe import run_training
from services.trainer.settings import TrainerSettings
from services.trainer.subprocess_jobs import SubprocessJobs
from synres.errors import MixturePartEmpty, Overloaded, RankLost, TrainingFailed
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.ports import JobRunner
from synres.rpc.trainer_client import TrainerClient
from synres.stages.params import MixturePart
from tests.fake_kubernetes import FakeKubernetes
from tests.fake_kubernetes_server import NAMESPACE, serving
from tests.trainings import (
    benchmark_rows,
    evaluate_request,
    has_ended,
    job_settings,
    kill,
    silent,
    train_request,
    wait_for,
)

LONG = {"steps": 100_000}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty store in a folder, as children can open it."""
    return Ledger(FileStore(tmp_path / "store"))


@pytest.fixture(params=["subprocess", "service", "kubernetes"])
def jobs(request: pytest.FixtureRequest, ledger: Ledger) -> Iterator[JobRunner]:
    """At most two jobs at a time; a Job has one try."""
    if request.param == "kubernetes":
        with serving(FakeKubernetes()) as server:
            api = KubernetesApi(NAMESPACE, server)
            yield KubernetesJobs(ledger, job_settings(max_jobs=2, backoff_limit=0), api)
        return
    children = SubprocessJobs(ledger, max_jobs=2)
    try:
        if request.param == "subprocess":
            yield children
        else:
            settings = TrainerSettings(store_url=ledger.store.url, listen="127.0.0.1:0")
            with build(settings, children) as address, TrainerClient(address) as client:
                yield client
    finally:
        children.close()


def test_a_job_ends_with_its_record(jobs: JobRunner, ledger: Ledger) -> None:
    """Training, then evaluating what it made: each is over when its record is there."""
    training = train_request(ledger)
    jobs.submit(training)
    assert wait_for(jobs, training.action, has_ended).state == "succeeded"
    record = ledger.find_record("train", training.action)
    assert record is not None
    said = [json.loads(line) for line in jobs.log(training.action) if line.startswith("{")]
    steps = [words["done"] for words in said if "done" in words]
    assert steps and steps == sorted(steps)
    assert jobs.log("f" * 64) == []
    evaluation = evaluate_request(record.body.outputs["weights"], benchmark_rows(ledger))
    jobs.submit(evaluation)
    assert wait_for(jobs, evaluation.action, has_ended).state == "succeeded"
    assert ledger.find_record("evaluate", evaluation.action) is not None


def test_submitting_twice_is_one_job(jobs: JobRunner, ledger: Ledger) -> None:
    """While it runs, and once its record is there, a second submit starts nothing."""
    running = train_request(ledger, **LONG)
    jobs.submit(running)
    first = wait_for(jobs, running.action, lambda status: "pid" in status.facts)
    jobs.submit(running)
    assert jobs.status(running.action).facts["pid"] == first.facts["pid"]
    jobs.cancel(running.action)


def test_a_killed_job_has_failed_and_resumes(jobs: JobRunner, ledger: Ledger) -> None:
    """SIGKILL from outside is a failure that says so; the same submit goes on from the checkpoint."""
    training = train_request(ledger, **LONG)
    jobs.submit(training)
    kill(wait_for(jobs, training.action, lambda status: status.facts.get("done", 0) >= 5))
    failed = wait_for(jobs, training.action, has_ended)
    assert (failed.state, failed.code) == ("failed", TrainingFailed.code)
    assert "signal 9" in failed.message
    jobs.submit(training)
    resumed = wait_for(jobs, training.action, lambda status: "done" in status.facts)
    assert resumed.facts["done"] >= 5
    jobs.cancel(training.action)


def test_a_job_that_fails_says_its_error(jobs: JobRunner, ledger: Ledger) -> None:
    """The code of the error class arrives with its sentence."""
    empty = (MixturePart(name="synres", ratio=1, rows="triplets", inputs=()),)
    training = train_request(ledger, parts=empty, mosaic_from="synres")
    jobs.submit(training)
    failed = wait_for(jobs, training.action, has_ended)
    assert (failed.state, failed.code) == ("failed", MixturePartEmpty.code)
    assert "synres" in failed.message


def test_a_long_error_is_heard_too(ledger: Ledger) -> None:
    """The runner reads the end of what a job says; a sentence must not be longer than that."""
    empty = (MixturePart(name="\u00fc" * 5_000, ratio=1, rows="triplets", inputs=()),)
    training = train_request(ledger, parts=empty)
    with closing(SubprocessJobs(ledger)) as jobs:
        jobs.submit(training)
        failed = wait_for(jobs, training.action, has_ended)
    assert (failed.state, failed.code) == ("failed", MixturePartEmpty.code)
    assert failed.message.startswith("mixture part '\u00fc")


def test_one_job_too_many_is_refused(jobs: JobRunner, ledger: Ledger) -> None:
    """The third of two jobs is told to come back."""
    running = [train_request(ledger, seed=seed, **LONG) for seed in range(2)]
    for request in running:
        jobs.submit(request)
    with pytest.raises(Overloaded):
        jobs.submit(train_request(ledger, seed=2, **LONG))
    for request in running:
        jobs.cancel(request.action)


def test_a_cancelled_job_is_gone(jobs: JobRunner, ledger: Ledger) -> None:
    """Cancel ends the process, twice is no error, and an unknown job reads as failed."""
    training = train_request(ledger, **LONG)
    jobs.submit(training)
    running = wait_for(jobs, training.action, lambda status: "pid" in status.facts)
    jobs.cancel(training.action)
    jobs.cancel(training.action)
    assert not _is_alive(int(running.facts["pid"]))
    assert jobs.status(training.action).state == "failed"


def test_a_job_that_two_runs_want_outlives_the_cancel_of_one(jobs: JobRunner, ledger: Ledger) -> None:
    """Two runs share a training by its action: it stops when the second gives it up too."""
    training = train_request(ledger, **LONG)
    for run in ("first", "second", "second"):
        jobs.submit(replace(training, run=run))
    pid = wait_for(jobs, training.action, lambda status: "pid" in status.facts).facts["pid"]
    jobs.cancel(training.action, "first")
    jobs.cancel(training.action, "first")
    assert jobs.status(training.action).state == "running"
    jobs.cancel(training.action, "second")
    assert not _is_alive(int(pid))


def test_an_evicted_training_ends_with_the_same_weights(ledger: Ledger, tmp_path: Path) -> None:
    """The pod that follows goes on from the checkpoint; the run that waits sees nothing but progress."""
    cluster = FakeKubernetes()
    training = train_request(ledger, steps=16)
    undisturbed = Ledger(FileStore(tmp_path / "undisturbed"))
    assert train_request(undisturbed, steps=16) == training
    with serving(cluster) as server:
        settings = job_settings(backoff_limit=0)
        jobs = KubernetesJobs(ledger, settings, KubernetesApi(NAMESPACE, server))
        jobs.submit(training)
        wait_for(jobs, training.action, lambda status: status.facts.get("done", 0) >= 5)
        cluster.evict(job_name(training.action, settings))
        assert wait_for(jobs, training.action, has_ended).state == "succeeded"
        assert len(cluster.pods) == 2
    record = ledger.find_record("train", training.action)
    expected = run_training(undisturbed, MicroBackend(), training, silent)
    assert record is not None
    assert record.body.outputs["weights"] == expected.outputs["weights"]


def test_a_process_of_several_that_dies_is_told(ledger: Ledger) -> None:
    """Under torchrun two processes share a training; when one is killed the job says so, and can go on."""
    training = train_request(ledger, **LONG)
    with closing(SubprocessJobs(ledger, processes=2)) as jobs:
        jobs.submit(training)
        kill(wait_for(jobs, training.action, lambda status: status.facts.get("done", 0) >= 3, timeout_s=120))
        failed = wait_for(jobs, training.action, has_ended)
    assert (failed.state, failed.code) == ("failed", RankLost.code)
    assert "goes on from its last checkpoint" in failed.message
    assert load_checkpoint(ledger, training.action) is not None


def test_no_job_outlives_its_runner(ledger: Ledger) -> None:
    """When the process that runs jobs is killed, its jobs end by themselves."""
    training = train_request(ledger, **LONG)
    code = f"""
import sys, time
from pathlib import Path
from services.trainer.subprocess_jobs import SubprocessJobs
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from tests.trainings import train_request, wait_for
ledger = Ledger(FileStore({ledger.store.url!r}))
jobs = SubprocessJobs(ledger)
request = train_request(ledger, steps=100_000)
jobs.submit(request)
print(int(wait_for(jobs, request.action, lambda s: "pid" in s.facts).facts["pid"]), flush=True)
time.sleep(600)
"""
    runner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert runner.stdout is not None
    pid = int(runner.stdout.readline())
    runner.kill()
    runner.communicate()
    assert ledger.find_record("train", training.action) is None
    deadline_s = time.monotonic() + 20
    while _is_alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # a zombie waits for its adoptive parent to look; it trains no more
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
