"""One release for all tests here, which run in the order of their files. `make e2e` sets what they need."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.conftest import HeavyTool
from tests.e2e.cluster import FIGURES, NAMESPACE, run
from tests.e2e.release import deploy, packaged, removed, start_own_pods


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(1200))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for figure in FIGURES:
        terminalreporter.write_line(figure)


@pytest.fixture(scope="session")
def chart(heavy_tool: HeavyTool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart, installed with its trial store and ready; the tests' own pods beside it."""
    has_tools = bool(os.environ.get("KUBECONFIG") and shutil.which("kubectl") and shutil.which("helm"))
    heavy_tool(has_tools, "e2e KUBECONFIG=...")
    FIGURES.extend(removed())
    chart = packaged(tmp_path_factory.mktemp("chart"))
    manifest = run("kubectl", "create", "namespace", NAMESPACE, "--dry-run=client", "--output", "yaml")
    run("kubectl", "apply", "--filename", "-", given=manifest)
    began_s = time.monotonic()
    deploy(chart)
    FIGURES.append(f"installed and ready after {time.monotonic() - began_s:.0f} s")
    start_own_pods()
    return chart
