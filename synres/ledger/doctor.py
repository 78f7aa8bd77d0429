"""Measures what a store really does, since not every S3 keeps its word about conditional writes."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from synres.errors import ArtifactMissing
from synres.ports import ArtifactStore

MEANING = {
    "atomic": "one writer wins each race: several coordinators may work on one run without waste.",
    "racy": "two writers can both believe they won: results stay right, since downstream work follows output "
    "digests, but with several coordinators some work may be done twice. Run one coordinator.",
    "ignored": "a conditional write overwrites without a word: results stay right, since downstream work "
    "follows output digests, but no lease holds and work may be done twice. Run one coordinator.",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One measurement; `detail` is for people."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class StoreReport:
    """`conditional_writes`: "atomic" | "racy" | "ignored"; `meaning` says what follows for the user."""

    url: str
    conditional_writes: str
    meaning: str
    checks: tuple[Check, ...]

    @property
    def usable(self) -> bool:
        """True if runs are safe here; conditional writes are not needed for that."""
        return all(check.passed for check in self.checks if check.name in _NEEDED)


@dataclass(frozen=True, slots=True)
class Races:
    """How hard to race: threads at once, rounds at most, seconds after which no round begins."""

    racers: int
    rounds: int
    race_s: float


_NEEDED = {"read after write", "list after write", "delete"}


def diagnose(store: ArtifactStore, racers: int = 8, rounds: int = 20, race_s: float = 5.0) -> StoreReport:
    """Writes, races and deletes under `doctor/<random>/`, then cleans up.

    Each race has `rounds` rounds of `racers` threads, and begins no further one after `race_s` seconds.
    Raises StoreUnavailable or StoreFull.
    """
    folder = f"doctor/{uuid.uuid4().hex}/"
    races = Races(racers, rounds, race_s)
    try:
        conditions = [
            _create_over_existing(store, folder),
            _replace_with_stale_etag(store, folder),
            _create_race(store, folder, races),
            _replace_race(store, folder, races),
        ]
        others = [_read_after_write(store, folder), _list_after_write(store, folder), _delete(store, folder)]
    finally:
        for found in list(store.list(folder)):
            store.delete(found.key)
    verdict = _verdict(conditions)
    return StoreReport(store.url, verdict, MEANING[verdict], (*conditions, *others))


def _verdict(conditions: list[Check]) -> str:
    if not all(check.passed for check in conditions[:2]):
        return "ignored"
    return "atomic" if all(check.passed for check in conditions) else "racy"


def _create_over_existing(store: ArtifactStore, folder: str) -> Check:
    key = folder + "create"
    store.put(key, b"first")
    created = store.put_if_absent(key, b"second")
    kept = store.get(key) == b"first"
    return Check("conditional create", kept and not created, _told(created, kept))


def _replace_with_stale_etag(store: ArtifactStore, folder: str) -> Check:
    key = folder + "replace"
    store.put(key, b"first")
    _, stale = store.get_with_etag(key)
    store.put(key, b"second")
    replaced = store.replace(key, b"third", stale)
    kept = store.get(key) == b"second"
    return Check("conditional replace", kept and not replaced, _told(replaced, kept))


def _told(claimed: bool, kept: bool) -> str:
    return f"said {'done' if claimed else 'refused'}, {'kept' if kept else 'lost'} the older bytes"


def _create_race(store: ArtifactStore, folder: str, races: Races) -> Check:
    def round_of(n: int) -> list[bool]:
        return _race(races.racers, lambda racer: store.put_if_absent(f"{folder}race-{n}", b"%d" % racer))

    return _single_winners("create race", races, round_of)


def _replace_race(store: ArtifactStore, folder: str, races: Races) -> Check:
    key = folder + "turns"
    store.put(key, b"start")

    def round_of(n: int) -> list[bool]:
        _, etag = store.get_with_etag(key)
        return _race(races.racers, lambda racer: store.replace(key, b"%d %d" % (n, racer), etag))

    return _single_winners("replace race", races, round_of)


def _race(racers: int, act: Callable[[int], bool]) -> list[bool]:
    start = threading.Barrier(racers)

    def racer(number: int) -> bool:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(racer, range(racers)))


def _single_winners(name: str, races: Races, round_of: Callable[[int], list[bool]]) -> Check:
    end_s = time.monotonic() + races.race_s
    rounds = [round_of(n) for n in range(races.rounds) if n == 0 or time.monotonic() < end_s]
    single = sum(1 for winners in rounds if sum(winners) == 1)
    most = max(sum(winners) for winners in rounds)
    detail = (
        f"{single} of {len(rounds)} rounds of {len(rounds[0])} racers had one winner, the worst had {most}"
    )
    return Check(name, single == len(rounds), detail)


def _read_after_write(store: ArtifactStore, folder: str) -> Check:
    seen = 0
    for n in range(20):
        store.put(folder + "read", b"%d" % n)
        seen += store.get(folder + "read") == b"%d" % n
    return Check("read after write", seen == 20, f"{seen} of 20 reads saw the write before them")


def _list_after_write(store: ArtifactStore, folder: str) -> Check:
    keys = [f"{folder}list/{n:02d}" for n in range(20)]
    for key in keys:
        store.put(key, b"x")
    listed = sorted(found.key for found in store.list(folder + "list/"))
    return Check("list after write", listed == keys, f"{len(listed)} of 20 new keys were listed at once")


def _delete(store: ArtifactStore, folder: str) -> Check:
    key = folder + "delete"
    store.put(key, b"x")
    store.delete(key)
    store.delete(key)
    gone = store.head(key) is None and not list(store.list(key)) and _unreadable(store, key)
    return Check("delete", gone, "a deleted key is gone" if gone else "a deleted key is still seen")


def _unreadable(store: ArtifactStore, key: str) -> bool:
    try:
        store.get(key)
    except ArtifactMissing:
        return True
    return False
