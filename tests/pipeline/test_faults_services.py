"""Stage services as processes: the same root as in process, and death in mid-shard is survived."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.allinone import STAGE_SERVICES, free_ports
from services.coordinator.events import Event, TaskFailed, TaskStarted
from services.coordinator.executors.grpc import SERVICE_OF, GrpcExecutor
from services.coordinator.run import run_spec
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.settings import ServiceSettings, environment_with
from tests.runs import SPEC, spec_with, undisturbed_root

CHAIN_ALONE = (SPEC[SPEC.index("  arms:") : SPEC.index("execution:")], "")
DELAY_S = 0.05


class Cluster:
    """The four stage services with slow instant backends; `kill` starts the dead one again."""

    def __init__(self, folder: Path, logs: Path) -> None:
        ports = free_ports(len(STAGE_SERVICES))
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in zip(STAGE_SERVICES, ports, strict=True)}
        self._folder, self._log = folder, logs.open("ab")
        self._processes = {name: self._start(name) for name in STAGE_SERVICES}

    def kill(self, name: str) -> None:
        self._processes[name].send_signal(signal.SIGKILL)
        self._processes[name].wait()
        self._processes[name] = self._start(name)

    def stop(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
        self._log.close()

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        settings = ServiceSettings(store_url=str(self._folder), listen=self.addresses[name])
        command = [sys.executable, "-m", "tests.instant_service", name, "--delay-s", str(DELAY_S)]
        return subprocess.Popen(command, env=environment_with(settings), stderr=self._log)


@contextmanager
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    running = Cluster(tmp_path / "served", tmp_path / "log")
    try:
        yield running
    finally:
        running.stop()


def test_any_service_may_die_in_mid_shard(tmp_path: Path) -> None:
    """Each is killed under its first shard and comes back; the root is that of a quiet embedded run."""
    store, told, killed = FileStore(tmp_path / "served"), list[Event](), set[str]()
    spec = spec_with(CHAIN_ALONE)
    with cluster(tmp_path) as running:

        def listen(event: Event) -> None:
            told.append(event)
            if isinstance(event, TaskStarted) and event.stage not in killed:
                killed.add(event.stage)
                threading.Timer(1.5 * DELAY_S, running.kill, (SERVICE_OF[event.stage],)).start()

        executor = GrpcExecutor(Ledger(store), running.addresses | {"trainer": "127.0.0.1:1"}, timeout_s=30)
        commit = run_spec(spec, store, executor, listen)
        executor.close()
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain", spec)
    assert killed == set(SERVICE_OF)
    assert any(isinstance(event, TaskFailed) and event.code == "SERVICE_UNAVAILABLE" for event in told)
