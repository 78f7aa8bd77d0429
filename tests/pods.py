"""Replicas of a stage service as Kubernetes would run them: processes on addresses of their own, on one port.

Every address of 127.0.0.0/8 is this machine's, so no set-up is needed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from services.allinone import free_ports
from synres.rpc.channel import Connection
from synres.settings import ServiceSettings, environment_with


class Pods:
    """`ready` is what the service's name resolves to; `end` takes a pod from there and sends SIGTERM."""

    def __init__(self, service: str, store_url: str, logs: Path, delay_s: float) -> None:
        self.ready: list[str] = []
        self._service, self._store_url, self._logs, self._delay_s = service, store_url, logs, delay_s
        (self._port,) = free_ports(1)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()

    def start(self, grace_s: float = 60.0, drain_delay_s: float = 5.0) -> str:
        """The address of one more; not yet ready."""
        address = f"127.0.0.{2 + len(self._processes)}:{self._port}"
        settings = ServiceSettings(
            store_url=self._store_url, listen=address, grace_s=grace_s, drain_delay_s=drain_delay_s
        )
        command = [sys.executable, "-m", "tests.instant_service", self._service]
        log = self._stack.enter_context(self._log(address).open("wb"))
        self._processes[address] = subprocess.Popen(
            [*command, "--delay-s", str(self._delay_s)], env=environment_with(settings), stderr=log
        )
        return address

    def wait_until_serving(self, address: str) -> None:
        """As kubelet does before it calls a pod ready."""
        deadline_s = time.monotonic() + 120
        with Connection(address) as connection:
            while not connection.is_serving():
                assert self._processes[address].poll() is None, self._log(address).read_text()
                assert time.monotonic() < deadline_s, f"{address} does not serve"

    def end(self, address: str) -> None:
        self.ready.remove(address)
        self._processes[address].send_signal(signal.SIGTERM)

    def exit_code(self, address: str) -> int:
        """Waits for it."""
        return self._processes[address].wait(120)

    def shards(self, address: str) -> int:
        """How many it has computed."""
        return self._log(address).read_text().count('"shard done"')

    def resolve(self, address: str) -> list[str]:
        """The service's name, or any other address, which stands for itself."""
        return list(self.ready) if address == self._service else [address]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
        self._stack.close()

    def _log(self, address: str) -> Path:
        return self._logs / f"{address}.log"
