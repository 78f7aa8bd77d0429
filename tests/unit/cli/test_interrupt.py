"""Ctrl-C is one sentence and exit code 130, whatever it meets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.interrupt import SENTENCE

ROOT = Path(__file__).parents[3]
PRESSED = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
HALF_IMPORTED = f"try:\n    {PRESSED.replace(chr(10), '; ', 1)}except BaseException:\n    pass\n"
WITHIN = """
import os, signal, sys
from services.cli.interrupt import ends_when_interrupted
with ends_when_interrupted():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        sys.stdout.write("jobs ended")
        sys.stdout.flush()
        {then}
"""


def _run(*arguments: str, path: Path = ROOT) -> tuple[int, str, str]:
    environment = os.environ | {"PYTHONPATH": f"{path}{os.pathsep}{ROOT}"}
    command = [sys.executable, *arguments]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def test_from_the_first_import_on(tmp_path: Path) -> None:
    """A module that swallows the interrupt while it is imported does not keep the command alive."""
    (tmp_path / "typer.py").write_text(HALF_IMPORTED)
    assert _run("-m", "services.cli", "--help", path=tmp_path) == (130, "", f"{SENTENCE}\n")


@pytest.mark.parametrize("then", ["pass", "raise ImportError", "sys.exit(1)", PRESSED.splitlines()[1]])
def test_what_was_started_is_ended_first(then: str) -> None:
    """Outside of imports the command cleans up, and what the interrupt became there is not told."""
    assert _run("-c", WITHIN.format(then=then)) == (130, "jobs ended", f"{SENTENCE}\n")


def test_a_command_that_ends_well_is_left_alone() -> None:
    """`synres up` takes Ctrl-C for its end."""
    taken = WITHIN.replace("finally", "except KeyboardInterrupt").format(then="sys.exit(0)")
    assert _run("-c", taken) == (0, "jobs ended", "")
