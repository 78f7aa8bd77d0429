"""A run is found by its id, by the beginning of it, and by its spec's name; never by guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from synres.errors import InvalidInput, NotFound
from synres.ledger.file_store import FileStore
from synres.ledger.run_names import find_run
from synres.ledger.runs import RunFolder
from synres.ports import ArtifactStore

RUNS = {"aa11": "photos", "aa22": "micro", "bb33": "micro", "cc44": "aa11"}


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """Four runs: two share a beginning, two share a name, and one is named as another's id."""
    made = FileStore(tmp_path)
    for run, name in RUNS.items():
        RunFolder(made, run).freeze({"name": name})
    made.put("runs/dd55/spec.json", b"not JSON")
    return made


@pytest.mark.parametrize(
    ("given", "run"), [("bb33", "bb33"), ("b", "bb33"), ("photos", "aa11"), ("aa11", "aa11"), ("d", "dd55")]
)
def test_one_run_is_found(store: ArtifactStore, given: str, run: str) -> None:
    """Ids, beginnings and names; a whole id comes first, and an unreadable run has its id."""
    assert find_run(store, given) == run


@pytest.mark.parametrize("given", ["a", "micro"])
def test_several_runs_are_listed(store: ArtifactStore, given: str) -> None:
    """Which one is meant is asked, with names beside the ids."""
    with pytest.raises(InvalidInput, match=r"2 runs, say which: .*aa22 \(micro\)"):
        find_run(store, given)


@pytest.mark.parametrize("given", ["zz", ""])
def test_no_run_tells_what_there_is(store: ArtifactStore, given: str) -> None:
    """A typo is answered with the runs; nothing means nothing."""
    with pytest.raises(NotFound, match=r"runs there: aa11 \(photos\), "):
        find_run(store, given)
