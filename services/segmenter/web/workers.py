"""Blocking work off the event loop, told when its caller goes away, counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from synres import telemetry
from synres.errors import SynresError
from synres.rpc.status import code_of

T = TypeVar("T")
_SERVICE = "segmenter.http"


class Workers:
    """At most `most` calls in threads at a time; what is more waits for a thread."""

    def __init__(self, most: int) -> None:
        self._limiter = CapacityLimiter(most)

    async def run(self, request: Request, work: Callable[[Callable[[], bool]], T]) -> T:
        """`work` is handed a function that says whether the caller is gone. The body has been read before."""
        gone = threading.Event()
        watch = asyncio.create_task(_watch(request, gone))
        try:
            return await to_thread.run_sync(work, gone.is_set, limiter=self._limiter)
        finally:
            watch.cancel()


@contextmanager
def observed(method: str) -> Iterator[None]:
    """Counts and times one call, under the same names as gRPC's."""
    with telemetry.observed(_SERVICE, method) as report:
        try:
            yield
        except SynresError as error:
            report(code_of(error).name)
            raise


async def _watch(request: Request, gone: threading.Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()
