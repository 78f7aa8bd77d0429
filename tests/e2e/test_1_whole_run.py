"""From `synres run` to trainings as Jobs and a report: the cluster computes what one process computes."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.e2e.cluster import FIGURES, in_pod, objects
from tests.e2e.release import CLI, WHOLE, helm


def test_the_chart_says_it_is_well(chart: Path) -> None:
    """`helm test`: the store, the health of each service, one item through all of them."""
    helm("test", "e2e")


def test_a_first_mask(chart: Path) -> None:
    """`synres segment` asks the service, from an image that holds no network."""
    expression = in_pod(CLI, "python", "/e2e/picture.py", "/tmp/picture.png").strip()
    address = in_pod(CLI, "printenv", "SYNRES_SEGMENTER_ADDRESS").strip()
    asked = ["synres", "segment", "/tmp/picture.png", expression, "--address", address, "--json"]
    (mask,) = json.loads(in_pod(CLI, *asked))["masks"]
    assert mask["expression"] == expression


def test_the_root_is_that_of_one_process(chart: Path) -> None:
    """`synres run --executor grpc`, with a Job for each training and evaluation, and a report."""
    began_s = time.monotonic()
    said = in_pod(CLI, "synres", "run", "/e2e/whole.yaml", "--executor", "grpc", "--json")
    report = json.loads(said)
    FIGURES.append(f"whole run over gRPC with four Jobs: {time.monotonic() - began_s:.0f} s")
    alone = in_pod(WHOLE, "python", "/e2e/embedded.py", "/e2e/whole.yaml", "/tmp/alone")
    assert report["merkle_root"] == alone.split()[-1]
    assert report["comparison"] is not None
    jobs = objects("jobs", "synres/jobs=e2e-synres")
    assert [job["status"].get("succeeded") for job in jobs] == [1] * 4
