"""How many pictures may wait at Triton: decided here, because its own queue cannot say when to return."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from synres.errors import Overloaded


class Places:
    """At most `limit` pictures at a time. A caller gets what is free; one that gets nothing is refused."""

    def __init__(self, limit: int) -> None:
        self._limit, self._free = limit, limit
        self._lock = threading.Lock()
        self._usual_s = 1.0

    @contextmanager
    def take(self, wanted: int) -> Iterator[int]:
        """Holds 1 to `wanted` places. Raises Overloaded with about the time that callers hold theirs."""
        with self._lock:
            taken = min(wanted, self._free)
            if taken == 0:
                raise Overloaded(f"Triton has {self._limit} pictures to draw", retry_after_s=self._usual_s)
            self._free -= taken
        started_s = time.monotonic()
        try:
            yield taken
        finally:
            with self._lock:
                self._usual_s += 0.2 * (time.monotonic() - started_s - self._usual_s)
                self._free += taken
