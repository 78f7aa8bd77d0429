"""What must not work does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.cluster import NAMESPACE, TAG, Failed, in_pod, is_ready, kubectl, names, objects, pods
from tests.e2e.release import CLI

SERVICES = ["captioner", "generator", "segmenter", "grouper", "trainer", "coordinator"]


def account(service: str) -> str:
    return f"system:serviceaccount:{NAMESPACE}:e2e-synres-{service}"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "what", [("create", "jobs"), ("get", "secrets"), ("list", "secrets"), ("create", "pods")]
)
def test_who_may_what(chart: Path, service: str, what: tuple[str, str]) -> None:
    """The trainer makes Jobs; nobody reads a Secret or makes a pod."""
    verb, kind = what
    try:
        said = kubectl("auth", "can-i", verb, kind, "--as", account(service))
    except Failed:
        said = "no"
    assert said.split()[0] == ("yes" if (service, kind) == ("trainer", "jobs") else "no")


def test_the_captioner_makes_no_job(chart: Path) -> None:
    """Asked for real, the API server refuses it."""
    with pytest.raises(Failed, match="orbidden"):
        kubectl("create", "job", "stray", "--image=busybox", "--as", account("captioner"))


def test_only_the_trainer_has_a_token(chart: Path) -> None:
    """No other pod could even ask."""
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    mounted = {name: path in json.dumps(pods(name)) for name in SERVICES}
    assert [name for name, has_token in mounted.items() if has_token] == ["trainer"]


def test_every_service_wants_the_token(chart: Path) -> None:
    """Without it, or with another, a call is UNAUTHENTICATED; with it, it is answered."""
    said = json.loads(in_pod(CLI, "python", "/e2e/forbidden.py"))
    assert said == {name: ["UNAUTHENTICATED", "UNAUTHENTICATED", "OK"] for name in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_writes_to_the_root(chart: Path, service: str) -> None:
    """Neither where our code lies nor anywhere else but /tmp and /cache."""
    pod = next(pod for pod in pods(service) if is_ready(pod))["metadata"]["name"]
    for folder in ("/opt/synres", "/etc", "/models", "/var/tmp"):
        with pytest.raises(Failed, match="Read-only file system"):
            in_pod(pod, "sh", "-c", f"echo > {folder}/stray")
    in_pod(pod, "sh", "-c", "echo > /tmp/mine && echo > /cache/mine && test $(id -u) = 10001")


@pytest.mark.parametrize("service", ["grouper", "coordinator"])
def test_no_framework_where_none_is_needed(chart: Path, service: str) -> None:
    """Nor the packages of other services, nor a compiler."""
    pod = names(pods(service))[0]
    for package in ("torch", "kubernetes", "diffusers", "typer"):
        with pytest.raises(Failed, match="No module named"):
            in_pod(pod, "python", "-c", f"import {package}")
    in_pod(pod, "sh", "-c", "! command -v gcc && ! command -v cc && ! command -v g++")


def test_a_request_chooses_no_image(chart: Path) -> None:
    """The Job of a request whose params name an image and a command has those of the deployment."""
    action = in_pod(CLI, "python", "/e2e/foreign.py").split()[-1]
    (job,) = [job for job in objects("jobs") if job["metadata"]["name"].endswith(action[:16])]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"synres-trainer:{TAG}"
    assert container["command"] == ["python", "-m", "services.trainer.job"]
    kubectl("delete", "job", *names([job]), "--wait=false")
