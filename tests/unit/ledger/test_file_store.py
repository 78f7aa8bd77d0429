"""What only a folder can show: processes that race, death in mid-write, full disks."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from synres.errors import ArtifactMissing, StoreUnavailable
from synres.ledger.file_store import FileStore

KEYS = 100


def create_all(root: str, racer: int, start_s: float) -> list[bool]:
    """Runs in its own process: creates every key as soon as the clock says so."""
    store = FileStore(root)
    time.sleep(max(0.0, start_s - time.time()))
    return [store.put_if_absent(f"race/{n}", b"%d" % racer * 1000) for n in range(KEYS)]


def test_eight_processes_race(tmp_path: Path) -> None:
    """Of 8 processes exactly one creates each key, and the key holds that one's bytes, whole."""
    with ProcessPoolExecutor(8, multiprocessing.get_context("spawn")) as pool:
        start_s = time.time() + 2.0
        racing = [pool.submit(create_all, str(tmp_path), racer, start_s) for racer in range(8)]
        won = [each.result() for each in racing]
    store = FileStore(tmp_path)
    for n in range(KEYS):
        winners = [racer for racer in range(8) if won[racer][n]]
        assert len(winners) == 1
        assert store.get(f"race/{n}") == b"%d" % winners[0] * 1000


WRITE_FOREVER = """
import sys
from synres.ledger.file_store import FileStore
store = FileStore(sys.argv[1])
for n in range(10**9):
    store.put(f"put/{n % 5}", bytes([n % 251]) * 50_000)
    store.put_if_absent(f"new/{n}", bytes([n % 251]) * 50_000)
    print(n, flush=True)
"""


def test_death_in_mid_write_leaves_no_part(tmp_path: Path) -> None:
    """After kill -9 each visible key is whole, what was confirmed is there, and the lock is free."""
    command = [sys.executable, "-c", WRITE_FOREVER, str(tmp_path)]
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(20):
                confirmed = int(process.stdout.readline())
            process.kill()
        store = FileStore(tmp_path)
        assert all(found.size == 50_000 for found in store.list(""))
        assert all(len(set(store.get(found.key))) == 1 for found in store.list(""))
        assert store.head(f"new/{confirmed}") is not None
        store.put("put/0", b"x")
        store.delete("put/0")


def test_leftovers_are_hidden_and_go_after_a_day(tmp_path: Path) -> None:
    """A dead writer's temporary file is in no list; opening the store removes it when it is a day old."""
    FileStore(tmp_path).put("k", b"x")
    young, old = tmp_path / ".tmp" / "young", tmp_path / ".tmp" / "old"
    for leftover in (young, old):
        leftover.write_bytes(b"torn")
    os.utime(old, (time.time() - 90_000,) * 2)
    assert [found.key for found in FileStore(tmp_path).list("")] == ["k"]
    assert (young.exists(), old.exists()) == (True, False)


def test_reading_makes_no_folder(tmp_path: Path) -> None:
    """Looking into a store that is not there finds nothing and leaves nothing."""
    store = FileStore(tmp_path / "absent")
    assert (store.head("k"), list(store.list("")), list(store.list("a/b"))) == (None, [], [])
    with pytest.raises(ArtifactMissing):
        store.get("k")
    store.delete("k")
    assert not (tmp_path / "absent").exists()


def test_a_folder_that_vanishes_is_made_again(tmp_path: Path) -> None:
    """A store whose folder was removed under it says so once; the next write makes the folder anew."""
    store = FileStore(tmp_path / "s")
    store.put("a/k", b"1")
    subprocess.run(["rm", "-r", str(tmp_path / "s")], check=True)
    with pytest.raises(StoreUnavailable, match="vanished"):
        store.put("a/k", b"2")
    store.put("a/k", b"2")
    assert store.get("a/k") == b"2"


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    """A file that took the store's place since it was opened is StoreUnavailable, with the path."""
    store = FileStore(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="file"):
        store.put("k", b"x")


FILL = """
import resource, signal, sys
from synres.errors import StoreError
from synres.ledger.file_store import FileStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
store = FileStore(sys.argv[1])
store.put("small", b"x" * 900)
for write in (store.put, store.put_if_absent):
    try:
        write("large", b"x" * 2000)
    except StoreError as error:
        print(error.code)
print([found.key for found in store.list("")])
"""


def test_no_room_is_store_full(tmp_path: Path) -> None:
    """A write beyond the allowed size is StoreFull, leaves no key, and no temporary file."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:3] == ["STORE_FULL", "STORE_FULL", "['small']"]
    assert list((tmp_path / ".tmp").iterdir()) == []
