"""What keeps a run, as its events tell: for its lease, and for whoever asks how it stands."""

from __future__ import annotations

import threading
import time

from services.coordinator.events import Event, RunStarted, TaskDone, TaskFailed, TaskProgress, Waiting

_FRESH_S = 45.0
"""What still waits is told of again before that."""
_LONGEST = 1000


class News:
    """Takes events. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[str, tuple[float, str]] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case Waiting():
                self._tell(event.what, event.message)
            case TaskProgress() if event.status.message and not event.status.progress:
                self._tell(event.node, event.status.message)
            case TaskProgress() | TaskDone() | TaskFailed():
                self._forget(event.node, event.stage)
            case RunStarted():
                self._forget("the plan", "the lease")

    def waits_for(self) -> str:
        """In words, at most 1000 characters; empty while nothing is waited for."""
        with self._lock:
            fresh_s = time.monotonic() - _FRESH_S
            told = [f"{what}: {message}" for what, (at_s, message) in self._told.items() if at_s >= fresh_s]
        return "; ".join(told)[:_LONGEST]

    def _tell(self, what: str, message: str) -> None:
        with self._lock:
            self._told[what] = (time.monotonic(), message)

    def _forget(self, *names: str) -> None:
        with self._lock:
            for name in names:
                self._told.pop(name, None)
