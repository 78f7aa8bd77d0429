"""Settings and fixtures for every test folder."""

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
