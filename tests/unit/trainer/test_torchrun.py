"""The launcher of several processes tells how they ended."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("program", "code"), [("exit $RANK", 1), ("exit 2", 2), ("kill -9 $$$$", 137)])
def test_the_exit_code_is_that_of_the_process_that_failed(program: str, code: int) -> None:
    """Of two processes; a signal as a shell has it. A Job's policy goes by it. torchrun reads $$ as $."""
    command = (
        *(sys.executable, "-m", "services.trainer.torchrun", "--standalone", "--nnodes=1"),
        *("--nproc-per-node=2", "--no-python", "sh", "-c", program),
    )
    assert subprocess.run(command, capture_output=True, check=False).returncode == code
