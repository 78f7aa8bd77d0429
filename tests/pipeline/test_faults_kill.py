"""The driver dies, again and again: what it leaves is enough to go on from (L6, L9)."""

from __future__ import annotations

import random
import signal
from pathlib import Path

from synres.ledger.file_store import FileStore
from synres.ledger.runs import RunFolder, list_runs
from synres.ledger.verify import verify_run
from tests.pipeline.mortal_driver import MortalDrivers
from tests.runs import undisturbed_root

KILLS = 100
CALLS = 310
"""About as many store calls as an undisturbed run makes."""
LONGEST_S = 0.4


def test_a_hundred_kills_leave_the_root_of_a_quiet_run(tmp_path: Path) -> None:
    """kill -9 at random points, half of them by the clock; every run that was resumed to its end agrees."""
    dice, kills, finished = random.Random(11), 0, 0
    root = undisturbed_root(tmp_path / "plain")
    with MortalDrivers() as drivers:
        while kills < KILLS:
            folder = tmp_path / f"killed-{finished}"
            by_clock = dice.random() < 0.5
            last = 0 if by_clock else dice.randint(1, CALLS)
            code = drivers.run(str(folder), last, dice.uniform(0, LONGEST_S) if by_clock else None)
            assert code in (0, -signal.SIGKILL)
            kills += code != 0
            if code == 0:
                check(FileStore(folder), root)
                finished += 1
    assert finished >= 3


def check(store: FileStore, root: str) -> None:
    """The run is whole, and nobody counted the driver's deaths as attempts."""
    (run,) = list_runs(store)
    commit = RunFolder(store, run).commit()
    assert commit is not None and commit.merkle_root == root
    assert verify_run(store, run).sound
    assert not RunFolder(store, run).attempts()
