"""The images' one Dockerfile, as far as it can be judged without building it."""

from __future__ import annotations

import re
import tomllib

from tests.deploy.charts import ROOT, SERVICES, TOOLS, containers, pods, render, run


def test_hadolint_finds_nothing() -> None:
    """No rule is switched off."""
    ended = run(TOOLS / "hadolint", ROOT / "Dockerfile")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "hadolint" not in (ROOT / "Dockerfile").read_text()


def test_make_builds_every_image_that_the_chart_names() -> None:
    """But the store's, which is not ours, and Triton's, which needs upstream's."""
    named = {
        container["image"].partition(":")[0]
        for profile in ("dev-one-node", "gpu-prod")
        for _, spec in pods(render(profile))
        for container in containers(spec)
    }
    ours = {name.rpartition("/")[2] for name in named if "seaweedfs" not in name}
    (built,) = re.findall(r"^IMAGES +:= (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {f"synres-{name}" for name in built.split()} | {"synres-triton"} == ours
    assert {*SERVICES, "cli"} == set(built.split())


def test_each_image_is_an_extra() -> None:
    """What a service installs is what its extra says, and trials install extras too."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {*SERVICES, "cli", "micro", "jobs", "store"} <= set(extras)
