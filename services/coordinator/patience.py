"""Waiting for a store or service that does not answer: never an attempt, but not for ever."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from services.coordinator.events import OnEvent, Waiting
from services.coordinator.policy import full_jitter
from synres.errors import RunCancelled, ServiceUnavailable, StoreFull, StoreUnavailable

T = TypeVar("T")


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
