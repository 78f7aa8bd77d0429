"""The coordinator service in this process, over instant backends, and a client of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.coordinator.app import build
from services.coordinator.settings import CoordinatorSettings
from synres.ledger.file_store import FileStore
from synres.rpc.channel import Connection
from synres.rpc.coordinator.v1 import coordinator_pb2 as pb
from synres.rpc.coordinator.v1 import coordinator_pb2_grpc
from tests.runs import instant_executor


class Coordinator(Connection):
    """A client of the service, by method name."""

    def ask(self, method: str, **fields: Any) -> Any:
        stub = coordinator_pb2_grpc.CoordinatorServiceStub(self.channel)
        return self.call(getattr(stub, method), getattr(pb, f"{method}Request")(**fields))

    def wait_for(self, run: str, is_reached: Callable[[Any], bool]) -> Any:
        deadline_s = time.monotonic() + 30
        while time.monotonic() < deadline_s:
            found = self.ask("GetRun", run=run).run
            if is_reached(found):
                return found
            time.sleep(0.05)
        raise AssertionError(f"not reached: {found}")


@contextmanager
def serving(folder: Path, delay_s: float = 0.0, **settings: Any) -> Iterator[Coordinator]:
    """The service over the store in `folder`."""
    given = {"store_url": str(folder), "listen": "127.0.0.1:0", "drain_delay_s": 0, "grace_s": 1} | settings
    executor = instant_executor(FileStore(folder), delay_s)
    with (
        build(CoordinatorSettings(**given), executor) as address,
        Coordinator(address, timeout_s=30) as client,
    ):
        yield client
