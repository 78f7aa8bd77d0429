"""Who calls the segmenter does not notice that its pods are replaced."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.cluster import (
    COMPONENT,
    FIGURES,
    in_background,
    in_pod,
    kubectl,
    names,
    objects,
    rolled_out,
    wait_for,
)
from tests.e2e.release import CLI

STOP = "/tmp/stop"


def test_no_request_fails_while_pods_are_replaced(chart: Path) -> None:
    """Twice, with four callers: two over the gRPC channel that the docs name, two over HTTP."""
    kubectl("scale", "deployment/e2e-synres-segmenter", "--replicas=2")
    rolled_out("segmenter")
    in_pod(CLI, "rm", "-f", STOP)
    with in_background(CLI, "python", "/e2e/load.py", STOP) as load:
        for _ in range(2):
            before = segmenters()
            kubectl("rollout", "restart", "deployment/e2e-synres-segmenter")
            rolled_out("segmenter")
            wait_for("the old pods' end", lambda gone=before: not gone & segmenters())
        in_pod(CLI, "touch", STOP)
        said, complaints = load.communicate(timeout=120)
    FIGURES.append(f"the segmenter under load through two rolling updates: {said.strip()}")
    assert said, complaints
    counts = json.loads(said)["counts"]
    assert set(counts) == {"grpc ok", "http ok", "http, new connections ok"}
    assert min(counts.values()) > 30
    kubectl("scale", "deployment/e2e-synres-segmenter", "--replicas=1")


def segmenters() -> set[str]:
    """Pods that end among them."""
    return set(names(objects("pods", f"{COMPONENT}=segmenter")))
