"""The chart under test: its tools, its profiles, and what helm makes of it."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import BaseSettings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "synres"
TOOLS = ROOT / os.environ.get("HELM_TOOLS", ".tools") / "bin"
PROFILES = sorted(path.stem for path in (CHART / "ci").glob("*.yaml"))
PIPELINES = [profile for profile in PROFILES if profile != "endpoint"]
"""Profiles with every service."""
SERVICES = ("captioner", "generator", "segmenter", "grouper", "trainer", "coordinator")
KINDS = ("keda.sh/v1alpha1", "monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1")
"""What the cluster of a rendering serves beside its own kinds."""

Object = dict[str, Any]
COMPONENT = "app.kubernetes.io/component"


def known_variables() -> set[str]:
    """Every environment variable that some settings class reads."""
    modules = ["synres.settings", *(f"services.{service}.settings" for service in SERVICES)]
    kinds = [kind for module in modules for kind in vars(import_module(module)).values()]
    settings = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseSettings)]
    return {f"SYNRES_{field.upper()}" for kind in settings for field in kind.model_fields}


def is_installed() -> bool:
    return all(
        (TOOLS / name).exists() for name in ("helm3", "helm4", "checkov", "kubernetes-validate", "hadolint")
    )


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Ended, for better or worse. No cluster is near."""
    environment = os.environ | {"KUBECONFIG": "/nonexistent"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def template(*values: str, helm: str = "helm4", release: str = "r", kinds: tuple[str, ...] = KINDS) -> str:
    """The rendering as text; `values` are profiles, or NAME=JSON. Raises ValueError with what helm says."""
    given = [argument for value in values for argument in _argument(value)]
    given += [argument for kind in kinds for argument in ("--api-versions", kind)]
    ended = run(
        TOOLS / helm, "template", release, CHART, "--namespace", "ns", "--kube-version", "1.33.0", *given
    )
    if ended.returncode:
        raise ValueError(ended.stderr)
    return ended.stdout


@functools.cache
def render(*values: str, release: str = "r") -> tuple[Object, ...]:
    """The objects of a rendering, tests among them. Nobody may change them: they are kept."""
    return tuple(each for each in yaml.safe_load_all(template(*values, release=release)) if each)


def _argument(value: str) -> tuple[str, str | Path]:
    return ("--set-json", value) if "=" in value else ("--values", CHART / "ci" / f"{value}.yaml")


def of_kind(objects: tuple[Object, ...], kind: str) -> dict[str, Object]:
    """Component -> object of the chart's own; not of `extraObjects`, which have no labels."""
    found = [each for each in objects if each["kind"] == kind and "labels" in each["metadata"]]
    return {each["metadata"]["labels"][COMPONENT]: each for each in found}


def pods(objects: tuple[Object, ...]) -> Iterator[tuple[str, Object]]:
    """Name and spec of every pod: of Deployments, of the Job, of tests."""
    for each in objects:
        if each["kind"] in ("Deployment", "Job"):
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], each["spec"]


def containers(spec: Object) -> list[Object]:
    return [*spec.get("initContainers", ()), *spec["containers"]]


def settings_of(objects: tuple[Object, ...]) -> dict[str, str]:
    """The variables that all programs share."""
    return dict(of_kind(objects, "ConfigMap")["settings"]["data"])


def job_settings(objects: tuple[Object, ...]) -> Object:
    """What the trainer makes its Jobs of."""
    (found,) = [each for each in objects if each["metadata"]["name"].endswith("-jobs")]
    return dict(yaml.safe_load(found["data"]["job.yaml"]))
