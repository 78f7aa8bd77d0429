"""Holds a run's lease while it is driven. It is advisory: it saves double work and promises nothing (L6)."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from services.coordinator.events import OnEvent, Waiting
from services.coordinator.patience import pause
from synres.errors import StoreError
from synres.ledger.lease import RunLease

_POLLS_PER_TTL = 5


@contextmanager
def leased(
    lease: RunLease,
    ttl_s: float,
    on_event: OnEvent,
    halt: threading.Event,
    waits_for: Callable[[], str] = lambda: "",
) -> Iterator[None]:
    """Waits for the lease and renews it; it says what the run `waits_for`. `ttl_s` 0 does without one.

    A holder may be gone without dropping it: on this machine that shows at once, elsewhere after `ttl_s`.
    """
    if not ttl_s:
        yield
        return
    holder, over = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}", threading.Event()
    _wait_for(lease, holder, ttl_s, on_event, halt)
    beat = threading.Thread(target=_renew, args=(lease, holder, ttl_s, over, waits_for), daemon=True)
    beat.start()
    try:
        yield
    finally:
        over.set()
        beat.join()
        with suppress(StoreError):
            lease.drop(holder)


def _wait_for(lease: RunLease, holder: str, ttl_s: float, on_event: OnEvent, halt: threading.Event) -> None:
    while not _take(lease, holder, ttl_s):
        other = _holder(lease)
        if _is_dead(other):
            with suppress(StoreError):
                lease.drop(other)
            continue
        on_event(Waiting("the lease", "LEASE_HELD", f"{other} drives this run; waiting for it to end"))
        pause(ttl_s / _POLLS_PER_TTL, halt)


def _renew(
    lease: RunLease, holder: str, ttl_s: float, over: threading.Event, waits_for: Callable[[], str]
) -> None:
    while not over.wait(ttl_s / _POLLS_PER_TTL):
        _take(lease, holder, ttl_s, waits_for())


def _take(lease: RunLease, holder: str, ttl_s: float, waits_for: str = "") -> bool:
    """False if another has it."""
    with suppress(StoreError):
        return lease.take(holder, ttl_s, waits_for)
    # a store that does not answer is the driver's affair: its patience has an end, and no lease is needed
    return True


def _holder(lease: RunLease) -> str:
    with suppress(StoreError):
        return lease.holder()
    return ""


def _is_dead(holder: str) -> bool:
    """True if the holder's process was on this machine and is no more."""
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
