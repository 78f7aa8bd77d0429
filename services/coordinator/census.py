"""What remains of runs that other processes drive over this store, for the metric that wakes stages."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Container

from services.coordinator.observe import observe, remaining
from services.coordinator.plan import open_desired
from services.coordinator.wanted import wanted
from synres import telemetry
from synres.errors import ArtifactCorrupt, LedgerVersionMismatch, NotFound, SynresError
from synres.ledger.lease import RunLease
from synres.ledger.ledger import Ledger
from synres.ledger.runs import RunFolder
from synres.ports import ArtifactStore, ShardResult

_LEASED = re.compile(r"runs/([^/]+)/lease\.json")
_UNREADABLE = (NotFound, ArtifactCorrupt, LedgerVersionMismatch, ValueError, KeyError)
"""A run without a plan yet, or of another version: who drives it knows what remains."""
_PAUSE_S = 5.0
_SHARE = 20
"""Counting may take one part in so many of the time."""
_AFRESH = 20
"""So often records are looked up again that were there before: a repair may have taken some away."""


class Census:
    """Counts again and again, in a thread, until `close`.

    `is_ours` names the runs of this process; `tell` gets the others' backlog by stage, and the stages
    that planners want.
    """

    def __init__(
        self,
        store: ArtifactStore,
        is_ours: Callable[[], Container[str]],
        tell: Callable[[Counter[str], set[str]], None],
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._store, self._is_ours, self._tell, self._pause_s = store, is_ours, tell, pause_s
        self._known: dict[str, dict[str, ShardResult]] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="census", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns once it has stopped, or is still counting and has to be left."""
        self._closed.set()
        self._thread.join(_PAUSE_S)

    def _watch(self) -> None:
        rounds, took_s = 0, 0.0
        while not self._closed.wait(max(self._pause_s, _SHARE * took_s) if rounds else 0.0):
            if rounds % _AFRESH == 0:
                self._known.clear()
            started_s = time.monotonic()
            try:
                self._tell(self._backlog(), wanted(self._store))
            except SynresError as error:
                telemetry.log.warning("backlog not counted", code=error.code, message=error.message)
            rounds, took_s = rounds + 1, time.monotonic() - started_s

    def _backlog(self) -> Counter[str]:
        backlog: Counter[str] = Counter()
        ours = self._is_ours()
        leased = (_LEASED.fullmatch(found.key) for found in self._store.list("runs/"))
        for run in (match[1] for match in leased if match):
            if run not in ours and RunLease(self._store, run).read():
                backlog.update(self._remaining(run))
        return backlog

    def _remaining(self, run: str) -> dict[str, int]:
        try:
            _, desired = open_desired(RunFolder(self._store, run))
        except _UNREADABLE as error:
            telemetry.log.info("run not counted", run=run, message=str(error))
            return {}
        known = self._known[run] = observe(Ledger(self._store), desired, self._known.get(run, {}))
        return remaining(desired, known)
