"""The release under test, and the tests' own pods beside it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from pathlib import Path

import yaml

from tests.e2e.cluster import COMPONENT, INSIDE, NAMESPACE, RELEASE, TAG, Failed, Json, kubectl, run

CHART = Path(__file__).parents[2] / "helm" / "synres"
VALUES = Path(__file__).parent / "values.yaml"
POST_RENDERER = os.environ.get("POST_RENDERER", "")
"""For clusters that are older than the chart allows."""
CLI, WHOLE = "e2e-cli", "e2e-trainer"
"""Pods of the image of the command line, and of the one that has every micro model."""


def helm(*arguments: str | Path) -> str:
    return run("helm", "--namespace", NAMESPACE, *arguments)


def deploy(chart: Path, *values: str, timeout: str = "10m") -> None:
    """Installs or upgrades, and waits until every pod is ready; `values` are NAME=VALUE. Raises Failed."""
    given = [argument for value in values for argument in ("--set", value)]
    changed = ["--post-renderer", POST_RENDERER] if POST_RENDERER else []
    images = ["--set", f"image.tag={TAG}", "--set", "devStorage.image.repository=synres-store",
              "--set", f"devStorage.image.tag={TAG}"]  # fmt: skip
    helm("upgrade", "--install", RELEASE, chart, "--values", VALUES, *images, *given, *changed,
         "--wait", "--timeout", timeout)  # fmt: skip


def refusal(chart: Path, *values: str, timeout: str = "10m") -> str:
    """What helm says of values that it cannot install, or not within that time."""
    try:
        deploy(chart, *values, timeout=timeout)
    except Failed as error:
        return str(error)
    raise AssertionError(f"{values} were taken")


def packaged(folder: Path) -> Path:
    """The chart; where a post-renderer makes it fit an older cluster, a copy with another kubeVersion."""
    if not POST_RENDERER:
        return CHART
    copy = Path(shutil.copytree(CHART, folder / "synres"))
    facts = yaml.safe_load((copy / "Chart.yaml").read_text())
    facts["kubeVersion"] = ">=1.20.0-0"
    (copy / "Chart.yaml").write_text(yaml.safe_dump(facts))
    run("helm", "package", copy, "--destination", folder)
    return folder / f"synres-{facts['version']}.tgz"


def removed() -> list[str]:
    """What the post-renderer takes from the chart, and so what these tests do not show."""
    if not POST_RENDERER:
        return []
    script = (
        f'helm template {RELEASE} "$0" --values "$1" --kube-version 1.33.0 | {POST_RENDERER} 2>&1 >/dev/null'
    )
    lines = run("bash", "-c", script, CHART, VALUES).splitlines()
    said = Counter(re.sub(r"^.*?/\S+ |\S+Probe: |port \d+|\S+/", "", line) for line in lines)
    return [f"not as the chart has it, {number} times: {what}" for what, number in said.items()]


def start_own_pods() -> None:
    """A pod each for the command line and for everything in one process, with the release's settings."""
    scripts = ["create", "configmap", "e2e-inside", f"--from-file={INSIDE}", "--dry-run=client", "-o", "yaml"]
    kubectl("apply", "--filename", "-", given=kubectl(*scripts))
    for name, image in ((CLI, "cli"), (WHOLE, "trainer")):
        kubectl("delete", "pod", name, "--ignore-not-found", "--grace-period=0", "--force")
        kubectl("apply", "--filename", "-", given=json.dumps(own_pod(name, f"synres-{image}:{TAG}")))
    kubectl("wait", "pod", CLI, WHOLE, "--for=condition=Ready", "--timeout=300s")


def own_pod(name: str, image: str) -> Json:
    """It has what `helm test` gives its pods, and waits."""
    secret = lambda of, key: {"secretKeyRef": {"name": f"{RELEASE}-synres-{of}", "key": key}}
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
        "env": [
            {"name": "SYNRES_TOKEN", "valueFrom": secret("token", "token")},
            {"name": "SYNRES_S3_ACCESS_KEY", "valueFrom": secret("s3", "access-key")},
            {"name": "SYNRES_S3_SECRET_KEY", "valueFrom": secret("s3", "secret-key")},
        ],
        "envFrom": [{"configMapRef": {"name": f"{RELEASE}-synres-settings"}}],
        "securityContext": yaml.safe_load((CHART / "values.yaml").read_text())["containerSecurityContext"],
        "volumeMounts": [
            {"name": "inside", "mountPath": "/e2e"},
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "cache", "mountPath": "/cache"},
        ],
    }
    labels = {
        "app.kubernetes.io/name": "synres",
        "app.kubernetes.io/instance": RELEASE,
        COMPONENT: "test",
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": yaml.safe_load((CHART / "values.yaml").read_text())["podSecurityContext"],
            "containers": [container],
            "volumes": [
                {"name": "inside", "configMap": {"name": "e2e-inside"}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "cache", "emptyDir": {}},
            ],
        },
    }
