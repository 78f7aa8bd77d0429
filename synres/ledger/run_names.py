"""Finds a run by what a person gives: its id, the beginning of it, or the name of its spec."""

from __future__ import annotations

from collections.abc import Sequence

from synres.errors import ArtifactCorrupt, InvalidInput, LedgerVersionMismatch, NotFound
from synres.ledger.runs import RunFolder, list_runs
from synres.ports import ArtifactStore

_LISTED = 12


def named_runs(store: ArtifactStore) -> dict[str, str]:
    """Id -> name of the spec, for all runs by id; "" for a run that this version cannot read."""
    return {run: _name(store, run) for run in list_runs(store)}


def find_run(store: ArtifactStore, given: str) -> str:
    """The id of the one run that is meant; a whole id comes before a name, a name before a beginning.

    Raises NotFound for none, and InvalidInput that lists them for several.
    """
    names = named_runs(store)
    runs = list(names)
    if given in names:
        return given
    meant = [run for run in runs if names[run] == given] or [run for run in runs if run.startswith(given)]
    meant = meant if given else []
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise InvalidInput(f"{given!r} names {len(meant)} runs, say which: {_listed(meant, names)}")
    raise NotFound(f"run {given} is not in {store.url}; runs there: {_listed(runs, names) or 'none'}")


def _listed(runs: Sequence[str], names: dict[str, str]) -> str:
    told = [f"{run} ({names[run]})" if names[run] else run for run in runs[:_LISTED]]
    return ", ".join(told + [f"and {len(runs) - _LISTED} more"] * (len(runs) > _LISTED))


def _name(store: ArtifactStore, run: str) -> str:
    try:
        return str(RunFolder(store, run).spec().get("name", ""))
    except (ArtifactCorrupt, LedgerVersionMismatch, NotFound):
        return ""
