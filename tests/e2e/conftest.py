"""One release for all tests here, which run in the order of their files. `make e2e` sets what they need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import HeavyTool
from tests.e2e.cluster import NAMESPACE, run
from tests.e2e.release import deploy, packaged, start_own_pods


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture(scope="session")
def chart(heavy_tool: HeavyTool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart, installed with its trial store and ready; the tests' own pods beside it."""
    has_tools = bool(os.environ.get("KUBECONFIG") and shutil.which("kubectl") and shutil.which("helm"))
    heavy_tool(has_tools, "e2e KUBECONFIG=...")
    chart = packaged(tmp_path_factory.mktemp("chart"))
    manifest = run("kubectl", "create", "namespace", NAMESPACE, "--dry-run=client", "--output", "yaml")
    run("kubectl", "apply", "--filename", "-", given=manifest)
    deploy(chart)
    start_own_pods()
    return chart
