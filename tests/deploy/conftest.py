"""Every test of the chart needs helm; `make helm-tools` brings it."""

from collections.abc import Callable

import pytest

from tests.deploy.charts import is_installed


@pytest.fixture(scope="session")
def chart_tools(heavy_tool: Callable[[bool, str], None]) -> None:
    """Helm and the checkers are there, or the test is skipped."""
    heavy_tool(is_installed(), "helm-tools")


@pytest.fixture(autouse=True)
def wants_helm(request: pytest.FixtureRequest) -> None:
    """For every test but those marked `without_helm`."""
    if request.node.get_closest_marker("without_helm") is None:
        request.getfixturevalue("chart_tools")
