"""What is hashed does not know when, where or by whom it was written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from synres.ledger.file_store import FileStore

ROOT = Path(__file__).parents[3]


def write(folder: Path, hash_seed: str, now_s: float) -> dict[str, bytes]:
    folder.mkdir()
    command = [sys.executable, "-m", "tests.unit.ledger.write_blobs", "store", str(now_s)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT), "HOSTNAME": hash_seed}
    subprocess.run(command, cwd=folder, env=environment, check=True)
    store = FileStore(folder / "store")
    return {found.key: store.get(found.key) for found in store.list("")}


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """Rows, record, picture, safetensors, COMMIT: another hash seed, clock and folder, the same bytes."""
    one = write(tmp_path / "one", "1", 1_000_000.0)
    two = write(tmp_path / "a-longer-name", "2", 2_000_000_000.5)
    assert len(one) > 12
    assert one == two
