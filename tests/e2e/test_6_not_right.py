"""A cluster that is not right: helm, the pods, `synres run` and `synres status` say what, and what to do."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import Failed, in_pod, is_ready, kubectl, objects, pods, saying, wait_for
from tests.e2e.release import CLI, deploy, helm, refusal

SPEC = "/e2e/stuck.yaml"
RUN = ("synres", "run", SPEC, "--executor", "grpc")
LOOK = "kubectl get pods -l app.kubernetes.io/component=segmenter"
KEYS = "check SYNRES_S3_ACCESS_KEY and SYNRES_S3_SECRET_KEY"
SOON_S = 60.0
STAGES = {
    "ImagePullBackOff": ("synres-segmenter:nowhere", "services.segmenter.image.tag=nowhere"),
    "Unschedulable": ("Insufficient nvidia.com/gpu", "services.segmenter.gpu.count=1"),
}
"""What keeps a stage's pod -> its words, and what was set wrong."""
JOBS = {
    "image synres-trainer:nowhere cannot be pulled": ["training.image.tag=nowhere"],
    "Insufficient nvidia.com/gpu": ["training.gpu.count=1"],
    'the pod cannot start: secret "nowhere" not found': [
        "training.extraEnv[0].name=KEY",
        "training.extraEnv[0].valueFrom.secretKeyRef.name=nowhere",
        "training.extraEnv[0].valueFrom.secretKeyRef.key=key",
    ],
}


@pytest.fixture
def mended(chart: Path) -> Iterator[None]:
    """Afterwards the release is as it was."""
    yield
    deploy(chart)


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize("reason", STAGES)
def test_a_stage_without_a_pod(chart: Path, reason: str) -> None:
    """An image that is nowhere, a GPU pool that is full: by helm, the pod's own words, and the client's."""
    words, wrong = STAGES[reason]
    deploy(chart, "services.segmenter.replicas=0")
    assert "e2e-synres-segmenter" in refusal(chart, wrong, timeout="20s")
    own = lambda: kubectl("describe", "pods", "--selector", "app.kubernetes.io/component=segmenter")
    wait_for(reason, lambda: words in own(), SOON_S)
    with saying(CLI, RUN, LOOK, SOON_S):
        wait_for("the status", lambda: LOOK in in_pod(CLI, "synres", "status"), SOON_S)


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize("words", JOBS)
def test_a_training_whose_pod_does_not_start(chart: Path, words: str) -> None:
    """The trainer alone may look at pods: through it the run and its status say what the pod waits for."""
    deploy(chart, *JOBS[words])
    with saying(CLI, RUN, words, SOON_S):
        wait_for("the status", lambda: words in in_pod(CLI, "synres", "status", "stuck"), SOON_S)
    wait_for("the end of the Job", lambda: not [job for job in trainings() if not job["status"]])


def test_pods_that_lack_a_secret_say_so(chart: Path, mended: None) -> None:
    """Where helm was told not to look: the pods name the Secret, and those of before go on."""
    error = refusal(chart, "auth.existingSecret=nowhere", "checkSecrets=false", timeout="20s")
    assert "e2e-synres-" in error
    own = lambda: kubectl("describe", "pods", "--selector", "app.kubernetes.io/component=grouper")
    wait_for("the pod's words", lambda: 'secret "nowhere" not found' in own(), SOON_S)
    assert [pod for pod in pods("grouper") if is_ready(pod)]


def test_a_store_that_refuses_is_said(chart: Path) -> None:
    """Its keys were changed under the release: the run, its status, `helm test` and the pods name them."""
    before = store_key()
    change_store_key(base64.b64encode(b"another key of the store").decode())
    try:
        for command in (RUN, ("synres", "status")):
            with pytest.raises(Failed, match=KEYS):
                in_pod(CLI, *command)
        with pytest.raises(Failed, match="test-item"):
            helm("test", "e2e", "--logs")
        assert KEYS in kubectl("logs", "deployment/e2e-synres-coordinator")
    finally:
        change_store_key(before)


def test_a_store_that_is_away_is_waited_for(chart: Path) -> None:
    """It is said at once, and the run goes on when the store is back."""
    kubectl("scale", "deployment/e2e-synres-dev-storage", "--replicas=0")
    wait_for("the end of the store", lambda: not pods("dev-storage"))
    with saying(CLI, RUN, "STORE_UNAVAILABLE", SOON_S) as run:
        with pytest.raises(Failed, match="STORE_UNAVAILABLE"):
            in_pod(CLI, "synres", "status")
        kubectl("scale", "deployment/e2e-synres-dev-storage", "--replicas=1")
        assert run.wait(300) == 0


def trainings() -> list[dict[str, dict[str, object]]]:
    return objects("jobs", "synres/jobs=e2e-synres")


def store_key() -> str:
    return kubectl("get", "secret", "e2e-synres-s3", "--output", "jsonpath={.data.secret-key}")


def change_store_key(encoded: str) -> None:
    """In the Secret, and in a store that is started anew; the pods of the release keep the old one."""
    kubectl("patch", "secret", "e2e-synres-s3", "--patch", f'{{"data": {{"secret-key": "{encoded}"}}}}')
    kubectl("rollout", "restart", "deployment/e2e-synres-dev-storage")
    kubectl("rollout", "status", "deployment/e2e-synres-dev-storage", "--timeout=300s")
