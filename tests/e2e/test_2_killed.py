"""A run on a cluster that gives it no rest ends as it would have in one quiet process."""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path

from tests.e2e.cluster import (
    FIGURES,
    Json,
    in_background,
    in_pod,
    is_ready,
    kill,
    kubectl,
    objects,
    pods,
    wait_for,
)
from tests.e2e.release import CLI, WHOLE

EVERYBODY = ["captioner", "generator", "segmenter", "grouper", "trainer", "coordinator", "dev-storage"]
KILLED: list[str] = []
SPEC = "/e2e/killed.yaml"


def test_scaled_and_killed_it_has_the_root_of_one_process(chart: Path) -> None:
    """Stages go up, down and to zero; every pod, the coordinator, the store and a training die once."""
    began_s = time.monotonic()
    with in_background(CLI, "python", "/e2e/submit.py", SPEC) as run:
        until_done(run, "caption", 2)
        scale("segmenter", 3)
        scale("generator", 0)
        until_done(run, "caption", 6)
        scale("generator", 2)
        scale("segmenter", 1)
        kill_in_turn(random.Random(4), run)
        wait_for("a training", lambda: [kill_once(pod) for pod in trainings()])
        said, complaints = run.communicate(timeout=900)
    print(complaints)
    FIGURES.append(f"killed in mid-run: {', '.join(KILLED)}; {time.monotonic() - began_s:.0f} s in all")
    ended = json.loads(said.splitlines()[-1])
    alone = in_pod(WHOLE, "python", "/e2e/embedded.py", SPEC, "/tmp/killed").split()[-1]
    assert (ended["root"], ended["quarantined"]) == (alone, 0)
    in_pod(CLI, "synres", "verify", ended["run"])


def until_done(run: subprocess.Popen[str], stage: str, shards: int) -> None:
    assert run.stdout is not None
    for line in run.stdout:
        if json.loads(line)["done"].get(stage, 0) >= shards:
            return
    raise AssertionError(f"the run ended before {stage} had done {shards}")


def scale(component: str, replicas: int) -> None:
    kubectl("scale", f"deployment/e2e-synres-{component}", f"--replicas={replicas}")


def kill_in_turn(dice: random.Random, run: subprocess.Popen[str]) -> None:
    """Everybody once, some seconds apart, while the run goes on."""
    for victim in dice.sample(EVERYBODY, len(EVERYBODY)):
        ready = wait_for(
            f"a pod of {victim}", lambda name=victim: [pod for pod in pods(name) if is_ready(pod)]
        )
        assert run.poll() is None, "the run was over before everybody was killed"
        kill_once(ready[0])
        time.sleep(dice.uniform(1, 5))


def kill_once(pod: Json) -> str:
    name: str = pod["metadata"]["name"]
    kill(name)
    KILLED.append(name)
    return name


def trainings() -> list[Json]:
    return [pod for pod in objects("pods", "synres/stage=train") if pod["status"]["phase"] == "Running"]
