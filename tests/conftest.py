"""Settings and fixtures for every test folder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# A loaded machine is no failing law, and the same commit gets the same examples twice.
settings.register_profile("synres", deadline=None, derandomize=True)
settings.load_profile("synres")


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models, which `open_model` looks into for as long as the test."""
    monkeypatch.setenv("SYNRES_MODELS_DIR", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


HeavyTool = Callable[[bool, str], None]


@pytest.fixture(scope="session")
def heavy_tool() -> HeavyTool:
    """For tests of tools that few machines have: `heavy_tool(is_installed, target)` goes on or skips.

    The reason names the make target that installs the tool. With SYNRES_TEST_HEAVY=required, as in CI, a tool
    that is not there fails the test.
    """

    def require(is_installed: bool, target: str) -> None:
        if is_installed:
            return
        reason = f"`make {target}` installs what this test needs"
        if os.environ.get("SYNRES_TEST_HEAVY") == "required":
            pytest.fail(reason)
        pytest.skip(reason)

    return require
