"""Attempts and costs of a run, as its folder keeps them: they survive crashes, so caps do too (L7, L8)."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping

from synres.errors import CostCapReached, SynresError
from synres.ledger.runs import Attempt, RunFolder
from synres.spec import Caps


class Tally:
    """Safe to share between threads. Reads the folder once, then writes through."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._attempts: Counter[str] = Counter()
        self.spent: Counter[str] = Counter()
        self._planned_s = time.monotonic() - folder.age_s()
        for action, attempts in folder.attempts().items():
            self._attempts[action] = len(attempts)
            for attempt in attempts:
                self.spent.update(attempt.cost)

    def attempts(self, action: str) -> int:
        """How often the action failed."""
        return self._attempts[action]

    def add_cost(self, cost: Mapping[str, float]) -> None:
        """Of a record, whoever wrote it."""
        with self._lock:
            self.spent.update(cost)

    def add_attempt(self, stage: str, action: str, error: BaseException, seconds: float) -> int:
        """Writes the failure down; returns how many there are now."""
        code = error.code if isinstance(error, SynresError) else type(error).__name__
        cost = {"seconds": seconds}
        attempt = Attempt(stage, code, str(error), cost, time.time(), socket.gethostname())
        self._folder.add_attempt(action, attempt)
        with self._lock:
            self._attempts[action] += 1
            self.spent.update(cost)
            return self._attempts[action]

    def check(self, caps: Caps) -> None:
        """Raises CostCapReached when a sum has reached its cap."""
        limits = {"gpu_seconds": caps.max_gpu_seconds, "seconds": caps.max_task_seconds,
                  "images": caps.max_images, "bytes": caps.max_bytes}  # fmt: skip
        for name, limit in limits.items():
            _check(name, self.spent[name], limit)
        _check("wall_seconds", time.monotonic() - self._planned_s, caps.max_wall_seconds)


def _check(name: str, spent: float, limit: float | None) -> None:
    if limit is not None and spent >= limit:
        raise CostCapReached(
            f"{spent:.6g} {name} are spent and the cap is {limit:.6g}: raise it in execution.caps and run"
            " again; what is recorded stays"
        )
