"""Removes what no run needs (L10): marks from COMMITs and open runs, then sweeps.

A run that starts meanwhile may see a record or a blob vanish: it then counts as absent and is computed anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from synres.errors import ArtifactCorrupt, ArtifactMissing
from synres.ledger.clock import store_clock_s
from synres.ledger.keys import blob_key, record_key
from synres.ledger.links import all_digests, artifact_refs, may_point
from synres.ledger.records import Record
from synres.ledger.runs import RunFolder, list_runs
from synres.ports import ArtifactStore, StoredObject

MIN_AGE_S = 86_400.0
"""Younger blobs may belong to a record that is not written yet."""


@dataclass(frozen=True, slots=True)
class GcReport:
    """`removed` are keys; in a dry run, those that would be."""

    dry_run: bool
    removed: tuple[str, ...]
    freed_bytes: int
    kept: int


def collect_garbage(store: ArtifactStore, dry_run: bool = True) -> GcReport:
    """Marks, then removes unmarked records and blobs that are older than a day by the store's own clock.

    And so old uploads of the endpoint's callers: a key that uploads no more leaves its last ones behind.
    """
    records = dict(_records(store))
    keep = _live_records(store, records)
    keep |= {blob_key(digest) for digest in _live_blobs(store, [records[key] for key in keep])}
    newest_s = store_clock_s(store) - MIN_AGE_S
    listed = (store.list(folder) for folder in ("ac/", "cas/", "uploads/"))
    stored = sorted(chain.from_iterable(listed), key=lambda found: found.key)
    garbage = [found for found in stored if found.key not in keep and found.modified_s < newest_s]
    if not dry_run:
        _sweep(store, garbage)
    freed = sum(found.size for found in garbage)
    return GcReport(dry_run, tuple(found.key for found in garbage), freed, len(stored) - len(garbage))


def _sweep(store: ArtifactStore, garbage: Iterable[StoredObject]) -> None:
    for found in garbage:
        store.delete(found.key)


def _records(store: ArtifactStore) -> Iterable[tuple[str, Record]]:
    for found in store.list("ac/"):
        try:
            yield found.key, Record.decode(store.get(found.key))
        except (ArtifactMissing, ArtifactCorrupt):
            continue


def _live_records(store: ArtifactStore, records: dict[str, Record]) -> set[str]:
    live: set[str] = set()
    for run in list_runs(store):
        folder = RunFolder(store, run)
        commit = folder.commit()
        if commit is None:
            live |= _closure({d for digests in (folder.plan() or {}).values() for d in digests}, records)
        else:
            live |= {record_key(stage, action) for stage, action in commit.actions}
    return live & records.keys()


def _closure(known: set[str], records: dict[str, Record]) -> set[str]:
    """An open run's actions are not listed anywhere: whatever follows from its plan may be one of them."""
    live: set[str] = set()
    grown = True
    while grown:
        found = {
            key for key, r in records.items() if key not in live and known.issuperset(r.body.action.inputs)
        }
        live |= found
        known = known.union(*(records[key].body.outputs.values() for key in found))
        grown = bool(found)
    return live


def _live_blobs(store: ArtifactStore, records: Iterable[Record]) -> set[str]:
    live = {
        digest for record in records for digest in (*record.body.outputs.values(), *record.body.action.inputs)
    }
    for found in store.list(""):
        if not found.key.startswith(("ac/", "cas/")):
            live |= all_digests(_read(store, found.key))
    frontier = live
    while frontier:
        pointed, leaves = _pointed(_read(store, blob_key(digest)) for digest in frontier)
        frontier = pointed - leaves - live
        live = live | pointed
    return live


def _pointed(blobs: Iterable[bytes]) -> tuple[set[str], set[str]]:
    pointed: set[str] = set()
    leaves: set[str] = set()
    for data in blobs:
        pointed |= all_digests(data)
        leaves |= {ref.digest for ref in artifact_refs(data) if not may_point(ref)}
    return pointed, leaves


def _read(store: ArtifactStore, key: str) -> bytes:
    try:
        return store.get(key)
    except ArtifactMissing:
        return b""
