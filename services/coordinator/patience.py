"""Waiting for a store or service that does not answer: never an attempt, but not for ever."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from services.coordinator.events import OnEvent, Waiting
from services.coordinator.executor import NobodyThere, where_to_look
from services.coordinator.policy import full_jitter
from synres.errors import RunCancelled, ServiceUnavailable, StoreFull, StoreUnavailable

T = TypeVar("T")
_NEWS_S = 20.0


class Patience:
    """Counts from the first failure since anything last went well."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since_s: float | None = None

    def reset(self) -> None:
        """Something went well."""
        self._since_s = None

    def check(self, error: BaseException) -> None:
        """Raises `error` once its kind has lasted too long."""
        now_s = time.monotonic()
        self._since_s = now_s if self._since_s is None else self._since_s
        if now_s - self._since_s >= self._patience_s:
            raise error


class Asleep:
    """Stages that have work and no replica: told of now and again, and waited for as long as for a service.

    An autoscaler may have put them to sleep, and wakes them by their backlog.
    """

    def __init__(self, patience_s: float, on_event: OnEvent) -> None:
        self._patience, self._on_event = Patience(patience_s), on_event
        self._tell_at_s: dict[str, float] = {}

    def look(self, waiting: Iterable[str], replicas: Mapping[str, int], is_busy: bool) -> None:
        """`waiting`: stages whose tasks are not handed out. Raises after too long without anything else."""
        asleep = {stage: _nobody(stage) for stage in sorted(waiting) if replicas.get(stage) == 0}
        self._tell_at_s = {stage: at_s for stage, at_s in self._tell_at_s.items() if stage in asleep}
        for stage, error in asleep.items():
            if time.monotonic() >= self._tell_at_s.get(stage, 0.0):
                self._tell_at_s[stage] = time.monotonic() + _NEWS_S
                self._on_event(Waiting(stage, error.code, error.message))
        if is_busy or not asleep:
            self._patience.reset()
        else:
            self._patience.check(next(iter(asleep.values())))


def _nobody(stage: str) -> NobodyThere:
    return NobodyThere(f"no replica of {stage} is ready: {where_to_look(stage)}")


def patiently(
    work: Callable[[], T],
    what: str,
    patience_s: float,
    on_event: OnEvent,
    halt: threading.Event,
) -> T:
    """`work()`, tried again while the store or a service is unavailable; `work` must be idempotent."""
    patience, dice, tries = Patience(patience_s), random.Random(), 0
    while True:
        try:
            return work()
        except (StoreUnavailable, StoreFull, ServiceUnavailable) as error:
            patience.check(error)
            on_event(Waiting(what, error.code, error.message))
            pause(full_jitter(tries, dice), halt)
            tries += 1


def pause(seconds: float, halt: threading.Event) -> None:
    """Sleeps; raises RunCancelled as soon as the run is to stop."""
    halt.wait(seconds)
    check_halt(halt)


def check_halt(halt: threading.Event) -> None:
    """Raises RunCancelled if the run is to stop."""
    if halt.is_set():
        raise RunCancelled(
            "the run was stopped; what is recorded stays, and the same spec goes on from there"
        )
