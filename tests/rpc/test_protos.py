"""The protos obey the lint, and the committed stubs are what they say."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

from tools.protos import REPOSITORY, generate

BUF = Path(sysconfig.get_path("scripts")) / "buf"


def _files(root: Path) -> dict[str, bytes]:
    found = [path for pattern in ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py") for path in root.rglob(pattern)]
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_committed_stubs_are_fresh(tmp_path: Path) -> None:
    """Generated anew, every byte is the same; `make protos` mends it."""
    generate(tmp_path)
    assert _files(tmp_path / "synres") == _files(REPOSITORY / "synres")


def test_protos_pass_buf_lint() -> None:
    """STANDARD rules, all of them."""
    ended = subprocess.run([BUF, "lint", "protos"], cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.stdout + ended.stderr == ""
    assert ended.returncode == 0


def test_protos_are_formatted() -> None:
    """One layout for all."""
    command = [BUF, "format", "--diff", "--exit-code", "protos"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
