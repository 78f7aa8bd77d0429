"""How much work may wait, in seconds of it, and how many bytes of pictures and masks may lie in memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from synres import telemetry
from synres.errors import DeadlineExceeded, Overloaded

_FADE = 0.98
_SOONEST_S = 0.05

Work: TypeAlias = NDArray[np.float64]
"""(3,): pictures, expressions, and millions of mask pixels."""


def work_of(pictures: Iterable[tuple[int, int]]) -> Work:
    """`pictures`: pixels and number of expressions of each."""
    found = [(1.0, asked, 1e-6 * pixels * asked) for pixels, asked in pictures]
    return np.array(found, np.float64).sum(0)


class Estimate:
    """Seconds of each kind of work, by least squares over what work took; the past fades."""

    def __init__(self, costs: Sequence[float] = (0.05, 0.05, 0.01)) -> None:
        self._costs: Work = np.array(costs)
        # a weak belief in the start, so that the equations can always be solved
        self._products, self._sums = 0.1 * np.eye(3), 0.1 * self._costs

    def seconds(self, work: Work) -> float:
        return float(work @ self._costs)

    def learn(self, work: Work, seconds: float) -> None:
        self._products = _FADE * self._products + np.outer(work, work)
        self._sums = _FADE * self._sums + seconds * work
        # where all calls are alike nobody can tell what took the time: the ridge gives each kind a third
        ridge = 2e-4 * np.diag(np.diag(self._products))
        self._costs = np.maximum(np.linalg.solve(self._products + ridge, self._sums), 0.0)


class WorkAdmission:
    """At most `limit_s` seconds of estimated work and `max_calls` calls at a time. One call always fits."""

    def __init__(self, service: str, limit_s: float, max_calls: int) -> None:
        self._limit_s, self._max_calls = limit_s, max_calls
        self._lock = threading.Lock()
        self._calls, self._queued_s = 0, 0.0
        self._gauge = telemetry.QUEUED_WORK_SECONDS.labels(service)
        self.estimate = Estimate()

    @contextmanager
    def place(self, work: Work, remaining_s: float) -> Iterator[None]:
        """Raises Overloaded, with the seconds after which there will be room, before any work is done."""
        seconds = self._enter(work, remaining_s)
        try:
            yield
        finally:
            self._leave(seconds)

    def learn(self, work: Work, seconds: float) -> None:
        with self._lock:
            self.estimate.learn(work, seconds)

    def _enter(self, work: Work, remaining_s: float) -> float:
        with self._lock:
            seconds = self.estimate.seconds(work)
            over_s = self._queued_s + seconds - min(self._limit_s, remaining_s)
            if self._calls >= self._max_calls or (self._calls and over_s > 0):
                raise Overloaded(
                    "the segmenter has as much work as it can do in time", max(over_s, _SOONEST_S)
                )
            self._calls += 1
            self._queued_s += seconds
            self._gauge.set(self._queued_s)
        return seconds

    def _leave(self, seconds: float) -> None:
        with self._lock:
            self._calls -= 1
            self._queued_s = self._queued_s - seconds if self._calls else 0.0
            self._gauge.set(self._queued_s)


class Room:
    """So many bytes may lie in memory at a time; who comes first is served first, the largest too.

    What is larger than the whole room gets all of it.
    """

    def __init__(self, size: int) -> None:
        self._free, self.size = size, size
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, threading.Event]] = deque()

    @contextmanager
    def taken(self, size: int, remaining_s: float) -> Iterator[None]:
        """Raises DeadlineExceeded when there is no room in time."""
        size = min(size, self.size)
        self._take(size, remaining_s)
        try:
            yield
        finally:
            self._give(size)

    def _take(self, size: int, remaining_s: float) -> None:
        with self._lock:
            if not self._waiting and size <= self._free:
                self._free -= size
                return
            ticket = (size, threading.Event())
            self._waiting.append(ticket)
        if ticket[1].wait(remaining_s):
            return
        with self._lock:
            if not ticket[1].is_set():
                self._waiting.remove(ticket)
                self._admit()
                raise DeadlineExceeded("the deadline passed while the call waited")

    def _give(self, size: int) -> None:
        with self._lock:
            self._free += size
            self._admit()

    def _admit(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, ready = self._waiting.popleft()
            self._free -= size
            ready.set()
