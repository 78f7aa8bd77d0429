"""Each profile passes every tool: helm 3 and 4, the schemas of the oldest and newest Kubernetes, checkov."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.deploy.charts import CHART, PROFILES, TOOLS, render, run, template

HERE = Path(__file__).parent
FOREIGN = {"GRPCRoute", "HTTPRoute", "PodMonitor", "PrometheusRule", "ScaledObject", "ServiceMonitor"}
RANDOM = re.compile(r"^  (secret-key|token): \S{44}$", flags=re.M)


@pytest.fixture(scope="module")
def rendered(chart_tools: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Profile -> its rendering by helm 4, in a file."""
    folder = tmp_path_factory.mktemp("rendered")
    paths = {profile: folder / f"{profile}.yaml" for profile in PROFILES}
    for profile, path in paths.items():
        path.write_text(template(profile))
    return paths


@pytest.mark.parametrize("profile", PROFILES)
def test_lint_finds_nothing(profile: str) -> None:
    """In strict mode, where a warning is an error."""
    ended = run(TOOLS / "helm4", "lint", "--strict", CHART, "--values", CHART / "ci" / f"{profile}.yaml")
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("profile", PROFILES)
def test_helm_3_and_4_make_the_same_of_it(profile: str) -> None:
    """Byte for byte, but for the keys that a trial draws."""
    old, new = (RANDOM.sub(r"  \1: random", template(profile, helm=helm)) for helm in ("helm3", "helm4"))
    assert old == new


@pytest.mark.parametrize("version", ["1.29", "1.35"])
def test_manifests_are_valid(rendered: dict[str, Path], version: str) -> None:
    """Strictly: no unknown field. Kinds that Kubernetes does not know itself are the only ones left out."""
    ended = run(TOOLS / "kubernetes-validate", "--strict", "-k", version, *rendered.values())
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert set(re.findall(r"Couldn't find schema for kind (\w+)", said)) == FOREIGN


def test_checkov_finds_only_what_is_explained(rendered: dict[str, Path]) -> None:
    """Every finding is in checkov.yaml with its reason, and every reason is still needed."""
    files = [argument for path in rendered.values() for argument in ("--file", path)]
    options = ("--framework", "kubernetes", "--output", "json", "--quiet", "--compact", "--skip-download")
    ended = run(TOOLS / "checkov", *options, *files)
    failed = json.loads(ended.stdout)["results"]["failed_checks"]
    found = {(check["check_id"], check["resource"]) for check in failed}
    reasons = yaml.safe_load((HERE / "checkov.yaml").read_text())
    explained = {
        (check, resource)
        for check, resource in found
        if check in reasons and re.search(reasons[check]["where"], resource)
    }
    assert found - explained == set()
    assert set(reasons) == {check for check, _ in explained}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_inventory_is_what_it_was(profile: str) -> None:
    """Kind and name of every object; who adds or renames one writes it down, and thinks of upgrades."""
    found = sorted(f"{each['kind']} {each['metadata'].get('name')}" for each in render(profile))
    assert found == (HERE / "inventory" / f"{profile}.txt").read_text().splitlines()
