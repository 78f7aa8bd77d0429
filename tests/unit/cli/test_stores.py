"""Commands that read a store: one that is not there is said, and nothing is made by looking."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.coordinator.run import run_spec
from synres.errors import NotFound
from synres.ledger.file_store import FileStore
from synres.ledger.run_names import named_runs
from synres.ledger.runs import RunFolder
from tests.runs import instant_executor, spec_with


@pytest.mark.parametrize(
    "command",
    [["gc"], ["gc", "--delete"], ["status"], ["status", "a"], ["verify", "a"], ["export", "a", "out"],
     ["quarantine", "list", "a"], ["quarantine", "retry", "a", "b"]],
)  # fmt: skip
def test_no_store_is_said(command: list[str], tmp_path: Path) -> None:
    """It does not read as an empty one."""
    ended = CliRunner().invoke(app, [*command, "--store", str(tmp_path / "no")])
    assert isinstance(ended.exception, NotFound)
    assert ended.exception.message.startswith(f"there is no store at {tmp_path}/no")
    assert list(tmp_path.iterdir()) == []


def test_status_lists_runs_by_id_and_name(tmp_path: Path) -> None:
    """Either is what the other commands take."""
    RunFolder(FileStore(tmp_path), "aa11").freeze({"name": "photos"})
    assert CliRunner().invoke(app, ["status", "--store", str(tmp_path)]).output == "aa11  photos\n"
    for given in ("aa", "photos"):
        listed = CliRunner().invoke(app, ["quarantine", "list", given, "--store", str(tmp_path)])
        assert listed.output == "0 in quarantine\n"


def test_a_run_stands_in_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said of the run is not folded into the narrow table between."""
    monkeypatch.setenv("COLUMNS", "80")
    store = FileStore(tmp_path)
    run_spec(spec_with(), store, instant_executor(store))
    (run,) = named_runs(store)
    lines = CliRunner().invoke(app, ["status", "instant", "--store", str(tmp_path)]).output.splitlines()
    assert lines[0] == f"run {run} (instant): finished"
    assert lines[-1] == "0 failed attempts, 0 in quarantine"


def test_usage_names_the_command_that_people_type() -> None:
    """However it was started."""
    command = [sys.executable, "-m", "services.cli", "nosuch"]
    ended = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "Usage: synres [OPTIONS] COMMAND" in ended.stderr
