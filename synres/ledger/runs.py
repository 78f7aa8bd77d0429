"""What the store keeps of one run, under `runs/<run>/`: spec, plan, failures, poison, and the last word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from synres.domain.digests import canonical_json
from synres.domain.types import Rejection
from synres.errors import ArtifactCorrupt, ArtifactMissing, LedgerVersionMismatch, NotFound, StoreUnavailable
from synres.ledger.clock import store_clock_s
from synres.ledger.keys import check_digest, run_key
from synres.ledger.lease import RunLease
from synres.ports import ArtifactStore
from synres.typed_json import decode_json

FORMAT = 1
"""Version of everything under `runs/<run>/`; `spec.json` carries it."""

Plan = dict[str, tuple[str, ...]]
T = TypeVar("T")
_SPEC = re.compile(r"runs/([^/]+)/spec\.json")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A failure that a living driver saw. `cost` counts against the caps (L8); `at_s` is epoch seconds."""

    stage: str
    code: str
    message: str
    cost: dict[str, float]
    at_s: float
    host: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An item that failed alone, again and again. `reason` enters the Merkle root; `retry` tells how to."""

    item: str
    reason: str
    stage: str
    action: str
    message: str
    retry: str


@dataclass(frozen=True, slots=True)
class Commit:
    """The last word on a run. `actions` are (stage, action digest); `cost` sums records and attempts."""

    merkle_root: str
    actions: tuple[tuple[str, str], ...]
    quarantined: tuple[Rejection, ...]
    counts: dict[str, int]
    cost: dict[str, float]
    licences: dict[str, str]


class RunFolder:
    """One run in a store. Nothing is cached: each call reads what is there."""

    def __init__(self, store: ArtifactStore, run: str) -> None:
        self.store = store
        self.run = run
        self.lease = RunLease(store, run)
        self._spec = run_key(run, "spec.json")

    def freeze(self, frozen: Mapping[str, Any]) -> dict[str, Any]:
        """Writes spec, model digests, licences, seed (any JSON), unless it is written; returns what is."""
        self.store.put_if_absent(self._spec, canonical_json({**frozen, "format": FORMAT}))
        return self.spec()

    def spec(self) -> dict[str, Any]:
        """What was frozen. Raises NotFound for an unknown run, LedgerVersionMismatch for another format."""
        try:
            frozen = _decode(self.store.get(self._spec), dict[str, Any], self._spec)
        except ArtifactMissing as error:
            runs = ", ".join(list_runs(self.store)) or "none"
            raise NotFound(f"run {self.run} is not in {self.store.url}; runs there: {runs}") from error
        written = frozen.pop("format", "unknown")
        if written != FORMAT:
            raise LedgerVersionMismatch(
                f"run {self.run} was written in format {written}, this synres reads format {FORMAT}: "
                "use the synres that wrote it, or run the spec again in a new store"
            )
        return frozen

    def put_plan(self, roots: Mapping[str, Sequence[str]]) -> Plan:
        """Freezes the roots, unless there are some; returns those that are there.

        Roots: name -> digests, for every blob that the run's actions read and none of them wrote (shards of
        samples, benchmark rows, starting weights).
        """
        key = run_key(self.run, "plan.json")
        self.store.put_if_absent(
            key, canonical_json({name: list(digests) for name, digests in roots.items()})
        )
        return _decode(self.store.get(key), Plan, key)

    def plan(self) -> Plan | None:
        """The frozen roots, or None before `put_plan`."""
        return self._find("plan.json", Plan)

    def age_s(self) -> float:
        """Seconds since the run was first planned, by the store's own clock; 0 before `put_plan`."""
        planned = self.store.head(run_key(self.run, "plan.json"))
        return store_clock_s(self.store) - planned.modified_s if planned else 0.0

    def add_attempt(self, action: str, attempt: Attempt) -> None:
        """Appends to `attempts/<action>/`, numbered from 1."""
        folder = run_key(self.run, "attempts", check_digest(action))
        first = 1 + sum(1 for _ in self.store.list(folder + "/"))
        for n in range(first, first + 100):
            if self.store.put_if_absent(f"{folder}/{n}.json", msgspec.json.encode(attempt, order="sorted")):
                return
        raise StoreUnavailable(f"{folder} changed under 100 tries to add to it: try again")

    def attempts(self) -> dict[str, list[Attempt]]:
        """All attempts, by action."""
        found: dict[str, list[Attempt]] = {}
        for key, attempt in self._all("attempts", Attempt):
            found.setdefault(key.split("/")[-2], []).append(attempt)
        return found

    def put_quarantined(self, poison: Quarantined) -> None:
        """Writes `quarantine/<action>.json`, over an older one: several stages may quarantine one item."""
        key = run_key(self.run, "quarantine", f"{check_digest(poison.action)}.json")
        self.store.put(key, msgspec.json.encode(poison, order="sorted"))

    def quarantined(self) -> dict[str, Quarantined]:
        """All poison, by action; earlier versions named its files after items."""
        return {poison.action: poison for _, poison in self._all("quarantine", Quarantined)}

    def release(self, item: str) -> None:
        """Lets an item be tried afresh: its attempts are forgotten, and their costs with them."""
        found = [(k, p) for k, p in self._all("quarantine", Quarantined) if p.item == check_digest(item)]
        if not found:
            raise NotFound(f"item {item} is not in quarantine in run {self.run}")
        for key, poison in found:
            for attempt in list(self.store.list(run_key(self.run, "attempts", poison.action) + "/")):
                self.store.delete(attempt.key)
            self.store.delete(key)

    def put_commit(self, commit: Commit) -> Commit:
        """The last write. A commit of the same root stays and is returned; one of another root gives way."""
        key, data = run_key(self.run, "COMMIT.json"), msgspec.json.encode(commit, order="sorted")
        if not self.store.put_if_absent(key, data):
            seen = self.commit()
            if seen is not None and seen.merkle_root == commit.merkle_root:
                return seen
            self.store.put(key, data)
        return commit

    def commit(self) -> Commit | None:
        """The run's COMMIT, or None while it is open."""
        return self._find("COMMIT.json", Commit)

    def _find(self, name: str, kind: type[T]) -> T | None:
        key = run_key(self.run, *name.split("/"))
        try:
            return _decode(self.store.get(key), kind, key)
        except ArtifactMissing:
            return None

    def _all(self, folder: str, kind: type[T]) -> list[tuple[str, T]]:
        listed = [found.key for found in self.store.list(run_key(self.run, folder) + "/")]
        keys = sorted(listed, key=lambda key: (len(key), key))
        return [(key, _decode(self.store.get(key), kind, key)) for key in keys]


def list_runs(store: ArtifactStore) -> list[str]:
    """Ids of all runs that were begun, sorted."""
    matches = (_SPEC.fullmatch(found.key) for found in store.list("runs/"))
    return sorted(match[1] for match in matches if match)


def _decode(data: bytes, kind: type[T], key: str) -> T:
    try:
        return decode_json(data, kind)
    except ValueError as error:
        raise ArtifactCorrupt(f"{key} cannot be read: {error}") from error
