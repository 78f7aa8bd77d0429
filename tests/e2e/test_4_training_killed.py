"""A training whose pod dies goes on in the Job's next pod, and ends with the same weights."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.cluster import FIGURES, in_background, in_pod, kill, kubectl, objects, wait_for
from tests.e2e.release import CLI, WHOLE

SPEC = "/e2e/training.yaml"


def test_the_next_pod_goes_on(chart: Path) -> None:
    """Killed after a checkpoint: the next pod does not begin anew, and the root is the same."""
    before = known_jobs()
    with in_background(CLI, "synres", "run", SPEC, "--executor", "grpc", "--json") as run:
        job = wait_for("a Job", lambda: sorted(known_jobs() - before))[0]
        first = wait_for("a checkpoint", lambda: [name for name in pods_of(job) if steps(name)[-1:] > [60]])[
            0
        ]
        kill(first)
        said, complaints = run.communicate(timeout=600)
    assert said, complaints
    (second,) = [name for name in pods_of(job) if name != first]
    assert steps(second)[0] > 50
    FIGURES.append(f"training killed: the next pod went on at step {steps(second)[0]} of 220")
    alone = in_pod(WHOLE, "python", "/e2e/embedded.py", SPEC, "/tmp/training").split()[-1]
    assert json.loads(said)["merkle_root"] == alone


def known_jobs() -> set[str]:
    return {job["metadata"]["name"] for job in objects("jobs", "synres/stage=train")}


def pods_of(job: str) -> list[str]:
    found = objects("pods", f"job-name={job}")
    return [pod["metadata"]["name"] for pod in found if pod["status"]["phase"] in ("Running", "Succeeded")]


def steps(pod: str) -> list[float]:
    """The steps that the pod's log tells of."""
    said = [json.loads(line) for line in kubectl("logs", pod).splitlines() if line.startswith("{")]
    return [line["done"] for line in said if "done" in line]
