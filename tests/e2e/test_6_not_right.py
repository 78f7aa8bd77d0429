"""A cluster that is not right: helm, the pods, `synres run` and `synres status` say what, and what to do."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.e2e.cluster import COMPONENT, Failed, in_pod, is_ready, kubectl, objects, pods, saying, wait_for
from tests.e2e.release import CLI, deploy, helm, refusal

SPEC = "/e2e/stuck.yaml"
RUN = ("synres", "run", SPEC, "--executor", "grpc")
STATUS = ("env", "COLUMNS=400", "synres", "status")
LOOK = "kubectl get pods -l app.kubernetes.io/component=segmenter"
KEYS = "check SYNRES_S3_ACCESS_KEY and SYNRES_S3_SECRET_KEY"
SOON_S = 300.0  # on a busy node; the figures say how soon it was


def with_key_of_nowhere(where: str) -> list[str]:
    """Values that give a pod a variable of a Secret that is not there."""
    fields = ("name=KEY", "valueFrom.secretKeyRef.name=nowhere", "valueFrom.secretKeyRef.key=key")
    return [f"{where}.extraEnv[0].{field}" for field in fields]


STAGES = {
    "Insufficient nvidia.com/gpu": "services.segmenter.gpu.count=1",
    "ImagePullBackOff": "services.segmenter.image.tag=nowhere",
}
"""What the stage's pod says -> what was set wrong."""
JOBS = {
    "image synres-trainer:nowhere cannot be pulled": ["training.image.tag=nowhere"],
    "Insufficient nvidia.com/gpu": ["training.gpu.count=1"],
    'the pod cannot start: secret "nowhere" not found': with_key_of_nowhere("training"),
}
"""What the trainer says -> what was set wrong."""


def test_pods_that_lack_a_secret_say_so(chart: Path) -> None:
    """One that helm knows nothing of: the new pod names it, and the one of before goes on."""
    lacking = with_key_of_nowhere("services.grouper")
    assert "e2e-synres-grouper" in refusal(chart, *lacking, timeout="60s")
    wait_for("the pod's words", lambda: 'secret "nowhere" not found' in described("grouper"), SOON_S)
    assert [pod for pod in pods("grouper") if is_ready(pod)]


@pytest.mark.parametrize("words", STAGES)
def test_a_stage_without_a_pod(chart: Path, words: str) -> None:
    """A GPU pool that is full, an image that is nowhere: by helm, the pod's own words, and the client's."""
    assert "e2e-synres-segmenter" in refusal(chart, STAGES[words], timeout="60s")
    # of the old pods nothing is left, and the new ones come anew
    kubectl("delete", "replicasets", "--selector", f"{COMPONENT}=segmenter")
    wait_for("the end of the old pod", lambda: not [pod for pod in pods("segmenter") if is_ready(pod)])
    wait_for(words, lambda: words in described("segmenter"), SOON_S)
    with saying(CLI, RUN, LOOK, SOON_S):
        wait_for("the status", lambda: LOOK in in_pod(CLI, *STATUS), SOON_S)


@pytest.mark.parametrize("words", JOBS)
def test_a_training_whose_pod_does_not_start(chart: Path, words: str) -> None:
    """The trainer alone may look at pods: through it the run and its status say what the pod waits for."""
    deploy(chart, *JOBS[words])
    with saying(CLI, RUN, words, SOON_S):
        wait_for("the status", lambda: words in in_pod(CLI, *STATUS, "stuck"), SOON_S)
    wait_for("the end of the Job", lambda: not [job for job in trainings() if not job["status"]])


@pytest.fixture
def well(chart: Path) -> None:
    deploy(chart)


@pytest.mark.usefixtures("well")
def test_a_store_that_refuses_is_said() -> None:
    """Its keys were changed under the release: the run, its status, `helm test` and the pods name them."""
    before = store_key()
    change_store_key(base64.b64encode(b"another key of the store").decode())
    try:
        for command in (RUN, STATUS):
            with pytest.raises(Failed, match=KEYS):
                in_pod(CLI, *command)
        with pytest.raises(Failed, match="test-item"):
            helm("test", "e2e", "--logs")
        assert KEYS in kubectl("logs", "deployment/e2e-synres-coordinator")
    finally:
        change_store_key(before)


@pytest.mark.usefixtures("well")
def test_a_store_that_is_away_is_waited_for() -> None:
    """It is said at once, and the run goes on when the store is back."""
    kubectl("scale", "deployment/e2e-synres-dev-storage", "--replicas=0")
    wait_for("the end of the store", lambda: not pods("dev-storage"))
    with saying(CLI, RUN, "STORE_UNAVAILABLE", SOON_S) as run:
        with pytest.raises(Failed, match="STORE_UNAVAILABLE"):
            in_pod(CLI, *STATUS)
        kubectl("scale", "deployment/e2e-synres-dev-storage", "--replicas=1")
        assert run.wait(300) == 0


def described(component: str) -> str:
    """What `kubectl describe pods` shows of their states."""
    return str([pod["status"] for pod in pods(component)])


def trainings() -> list[dict[str, dict[str, object]]]:
    return objects("jobs", "synres/jobs=e2e-synres")


def store_key() -> str:
    return kubectl("get", "secret", "e2e-synres-s3", "--output", "jsonpath={.data.secret-key}")


def change_store_key(encoded: str) -> None:
    """In the Secret, and in a store that is started anew; the pods of the release keep the old one."""
    kubectl("patch", "secret", "e2e-synres-s3", "--patch", f'{{"data": {{"secret-key": "{encoded}"}}}}')
    kubectl("rollout", "restart", "deployment/e2e-synres-dev-storage")
    kubectl("rollout", "status", "deployment/e2e-synres-dev-storage", "--timeout=300s")
