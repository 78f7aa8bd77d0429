"""A release changes, goes back, and goes; the data stay."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.cluster import NAMESPACE, in_pod, is_ready, kubectl, names, objects, pods, wait_for
from tests.e2e.release import CLI, deploy, helm, refusal, start_own_pods

KINDS = ("deployments,replicasets,statefulsets,jobs,pods,services,configmaps,secrets,serviceaccounts,roles,"
         "rolebindings,networkpolicies,poddisruptionbudgets,persistentvolumeclaims")  # fmt: skip


def test_an_upgrade_reaches_the_pods_and_a_rollback_takes_it_back(chart: Path) -> None:
    """A setting and a number of pods; generated keys stay as they are."""
    keys = secret_data()
    deploy(chart, "logLevel=warning", "services.grouper.replicas=2")
    assert (level(), len(ready("grouper"))) == ("warning", 2)
    helm("rollback", "e2e", "--wait", "--timeout", "5m")
    wait_for("the old pods", lambda: len(ready("grouper")) == 1)
    assert level() == "info"
    assert secret_data() == keys


def test_what_is_wrong_is_said_at_once_and_changes_nothing(chart: Path) -> None:
    """A typo, an old value, a Secret that is not there."""
    before = names(pods("segmenter"))
    assert "repicas" in refusal(chart, "services.segmenter.repicas=2")
    assert "services.<name>.replicas" in refusal(chart, "replicaCount=2")
    assert "create secret generic nowhere" in refusal(chart, "auth.existingSecret=nowhere")
    assert names(pods("segmenter")) == before


def test_an_uninstallation_leaves_the_data_alone(chart: Path) -> None:
    """Jobs of trainings go too; what was computed is there for the next release."""
    run = json.loads(in_pod(CLI, "synres", "run", "/e2e/whole.yaml", "--executor", "grpc", "--json"))["run"]
    kubectl("delete", "pods", "--selector", "app.kubernetes.io/component=test", "--wait=true")
    helm("uninstall", "e2e", "--wait")
    wait_for("the end of our pods", lambda: left() == ["PersistentVolumeClaim"])
    deploy(chart)
    start_own_pods()
    said = json.loads(in_pod(CLI, "synres", "run", "/e2e/whole.yaml", "--executor", "grpc", "--json"))
    assert (said["run"], said["computed"]) == (run, 0)
    kubectl("delete", "pods", "--selector", "app.kubernetes.io/component=test", "--wait=true")
    helm("uninstall", "e2e", "--wait")
    kubectl("delete", "namespace", NAMESPACE)


def left() -> list[str]:
    found = objects(KINDS, "app.kubernetes.io/instance=e2e") + objects(KINDS, "synres/jobs=e2e-synres")
    return [each["kind"] for each in found]


def level() -> str:
    (pod,) = ready("segmenter")
    return in_pod(pod["metadata"]["name"], "printenv", "SYNRES_LOG_LEVEL").strip()


def ready(component: str) -> list[dict[str, object]]:
    return [pod for pod in pods(component) if is_ready(pod)]


def secret_data() -> list[dict[str, str]]:
    return [secret["data"] for secret in objects("secrets", "app.kubernetes.io/instance=e2e")]
