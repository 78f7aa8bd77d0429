"""How much work may wait, in seconds of it, and how much decoded picture may lie in memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from synres import telemetry
from synres.errors import DeadlineExceeded, Overloaded

_FADE = 0.98
_SOONEST_S = 0.05


class Estimate:
    """Seconds of a picture and of an expression, by least squares over what work took; the past fades."""

    def __init__(self, picture_s: float = 0.05, expression_s: float = 0.05) -> None:
        self.picture_s, self.expression_s = picture_s, expression_s
        # a weak belief in the start, so that the equations can always be solved
        self._pp, self._pe, self._ee = 0.1, 0.0, 0.1
        self._pt, self._et = 0.1 * picture_s, 0.1 * expression_s

    def seconds(self, pictures: int, expressions: int) -> float:
        return pictures * self.picture_s + expressions * self.expression_s

    def learn(self, pictures: int, expressions: int, seconds: float) -> None:
        self._pp = _FADE * self._pp + pictures * pictures
        self._pe = _FADE * self._pe + pictures * expressions
        self._ee = _FADE * self._ee + expressions * expressions
        self._pt = _FADE * self._pt + pictures * seconds
        self._et = _FADE * self._et + expressions * seconds
        # of equal pictures and expressions alone nobody can tell which took the time: half each
        ridge = 1e-3 * (self._pp + self._ee)
        pp, ee = self._pp + ridge, self._ee + ridge
        determinant = pp * ee - self._pe * self._pe
        self.picture_s = max(0.0, (ee * self._pt - self._pe * self._et) / determinant)
        self.expression_s = max(0.0, (pp * self._et - self._pe * self._pt) / determinant)


class WorkAdmission:
    """At most `limit_s` seconds of estimated work and `max_calls` calls at a time. One call always fits."""

    def __init__(self, service: str, limit_s: float, max_calls: int) -> None:
        self._limit_s, self._max_calls = limit_s, max_calls
        self._lock = threading.Lock()
        self._calls, self._queued_s = 0, 0.0
        self._gauge = telemetry.QUEUED_WORK_SECONDS.labels(service)
        self.estimate = Estimate()

    @contextmanager
    def place(self, pictures: int, expressions: int, remaining_s: float) -> Iterator[None]:
        """Raises Overloaded, with the seconds after which there will be room, before any work is done."""
        seconds = self._enter(pictures, expressions, remaining_s)
        try:
            yield
        finally:
            self._leave(seconds)

    def learn(self, pictures: int, expressions: int, seconds: float) -> None:
        with self._lock:
            self.estimate.learn(pictures, expressions, seconds)

    def _enter(self, pictures: int, expressions: int, remaining_s: float) -> float:
        with self._lock:
            seconds = self.estimate.seconds(pictures, expressions)
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
    """So many pixels may be decoded at a time; who comes first is served first, the largest too."""

    def __init__(self, pixels: int) -> None:
        self._free, self._whole = pixels, pixels
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, threading.Event]] = deque()

    @contextmanager
    def taken(self, pixels: int, remaining_s: float) -> Iterator[None]:
        """Raises DeadlineExceeded when there is no room in time."""
        pixels = min(pixels, self._whole)
        self._take(pixels, remaining_s)
        try:
            yield
        finally:
            self._give(pixels)

    def _take(self, pixels: int, remaining_s: float) -> None:
        with self._lock:
            if not self._waiting and pixels <= self._free:
                self._free -= pixels
                return
            ticket = (pixels, threading.Event())
            self._waiting.append(ticket)
        if ticket[1].wait(remaining_s):
            return
        with self._lock:
            if not ticket[1].is_set():
                self._waiting.remove(ticket)
                self._admit()
                raise DeadlineExceeded("the deadline passed while the call waited")

    def _give(self, pixels: int) -> None:
        with self._lock:
            self._free += pixels
            self._admit()

    def _admit(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            pixels, ready = self._waiting.popleft()
            self._free -= pixels
            ready.set()
