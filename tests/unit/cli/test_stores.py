"""Commands that read a store: one that is not there is said, and nothing is made by looking."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from synres.errors import NotFound
from synres.ledger.file_store import FileStore
from synres.ledger.runs import RunFolder


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
