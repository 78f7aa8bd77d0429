"""Stages that somebody needs before a plan stands: a note in the store, which counts as a backlog of one.

A plan needs the models of services, and an autoscaler may have put these to sleep: without a plan there
would be no backlog to wake them.
"""

from __future__ import annotations

from collections.abc import Iterable

from synres.ledger.clock import store_clock_s
from synres.ledger.keys import check_name
from synres.ports import ArtifactStore

_FOLDER = "wanted/"
_YOUNG_S = 90.0
"""Longer than a planner waits between two tries, and writes the note anew."""


def want(store: ArtifactStore, stages: Iterable[str]) -> None:
    """Writes the notes, or writes them anew."""
    for stage in stages:
        store.put(_FOLDER + check_name(stage), b"wanted")


def wanted(store: ArtifactStore) -> set[str]:
    """The stages with a young note, by the store's own clock."""
    notes = list(store.list(_FOLDER))
    now_s = store_clock_s(store) if notes else 0.0
    return {note.key.removeprefix(_FOLDER) for note in notes if now_s - note.modified_s < _YOUNG_S}
