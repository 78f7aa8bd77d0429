"""`synres serve` at a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.allinone import free_ports


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--backend", "clipsegg"], "error NOT_FOUND: segmenter backend 'clipsegg' does not exist; there is"),
        (["--option", "x=1"], "error INVALID_INPUT: backend micro has no options: leave out 'x'"),
    ],
)
def test_a_model_that_cannot_come_ends_the_command(options: list[str], told: str, tmp_path: Path) -> None:
    """A server without its model would keep its user waiting for a page that never gets ready."""
    grpc, http = free_ports(2)
    command = [sys.executable, "-m", "services.cli", "serve", *options, "--listen", f"127.0.0.1:{http}"]
    ended = subprocess.run(
        [*command, "--store", str(tmp_path)],
        env={**os.environ, "SYNRES_LISTEN": f"127.0.0.1:{grpc}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2
    assert told in ended.stderr
