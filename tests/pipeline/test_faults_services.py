"""Stage services as processes: the same root as in process, and death in mid-shard is survived."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from services.allinone import STAGE_SERVICES, free_ports
from services.coordinator.events import Event, TaskFailed, TaskStarted, Waiting
from services.coordinator.executor import SERVICE_OF, Call
from services.coordinator.executors.grpc import GrpcExecutor
from services.coordinator.run import run_spec
from synres.domain.choice import BackendChoice
from synres.domain.types import ModelInfo
from synres.errors import SettingInvalid
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.ledger.runs import Commit
from synres.ports import ShardRequest, ShardResult
from synres.rpc.channel import Connection
from synres.settings import ServiceSettings, environment_with
from synres.spec import RunSpec
from tests.instant import instant_model
from tests.runs import SPEC, Between, instant_executor, spec_with, undisturbed_root

CHAIN_ALONE = (SPEC[SPEC.index("  arms:") : SPEC.index("execution:")], "")
DELAY_S = 0.05


class Cluster:
    """The four stage services with slow instant backends; `kill` starts the dead one again.

    Each of `renewed` has a second process behind its name, with the next version of its model.
    """

    def __init__(self, folder: Path, logs: Path, renewed: Sequence[str] = ()) -> None:
        ports = free_ports(len(STAGE_SERVICES))
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in zip(STAGE_SERVICES, ports, strict=True)}
        self._folder, self._log = folder, logs.open("ab")
        self._processes = {name: self._start(name) for name in STAGE_SERVICES}
        for name, port in zip(renewed, free_ports(len(renewed)), strict=True):
            second = f"127.0.0.1:{port}"
            self._processes[f"{name} 2"] = self._start(name, second, version=2)
            self.addresses[name] = f"ipv4:{self.addresses[name]},{second}"

    def kill(self, name: str) -> None:
        self._processes[name].send_signal(signal.SIGKILL)
        self._processes[name].wait()
        self._processes[name] = self._start(name)

    def stop(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
        self._log.close()

    def _start(self, name: str, listen: str = "", version: int = 1) -> subprocess.Popen[bytes]:
        settings = ServiceSettings(store_url=str(self._folder), listen=listen or self.addresses[name])
        command = [sys.executable, "-m", "tests.instant_service", name, "--delay-s", str(DELAY_S)]
        command += ["--version", str(version)]
        return subprocess.Popen(command, env=environment_with(settings), stderr=self._log)


@contextmanager
def cluster(tmp_path: Path, renewed: Sequence[str] = ()) -> Iterator[Cluster]:
    running = Cluster(tmp_path / "served", tmp_path / "log", renewed)
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
    assert killed == set(SERVICE_OF) - {"align"}
    assert any(isinstance(event, TaskFailed) and event.code == "SERVICE_UNAVAILABLE" for event in told)


def test_old_and_new_servers_behind_one_name_never_mix(tmp_path: Path) -> None:
    """Two processes share each name, one with a new model: what was planned for one, the other refuses (L5).

    Whichever described itself, the root is that of a quiet run with that model alone.
    """
    renewed, told = ("captioner", "segmenter"), list[Event]()
    store, spec = FileStore(tmp_path / "served"), spec_with(CHAIN_ALONE)
    with cluster(tmp_path, renewed) as running:
        _wait_until_each_serves(running)
        executor = GrpcExecutor(Ledger(store), running.addresses | {"trainer": "127.0.0.1:1"}, timeout_s=30)
        commit = run_spec(spec, store, executor, told.append)
        executor.close()
    planned = {stage: _models_of(store, commit, stage) for stage in ("caption", "segment")}
    versions = {stage: _version(stage, models) for stage, models in planned.items()}
    assert commit.merkle_root == _quiet_root(tmp_path / "plain", spec, versions)
    assert any(isinstance(event, Waiting) and event.code == "MODEL_MISMATCH" for event in told)
    assert not any(isinstance(event, TaskFailed) for event in told)


def test_services_of_another_store_end_the_run(tmp_path: Path) -> None:
    """What they answer is not where the run looks, and nothing would ever come of it."""
    mine, theirs, spec = FileStore(tmp_path / "mine"), FileStore(tmp_path / "served"), spec_with(CHAIN_ALONE)
    said = f"the service of caption keeps another store than this run's, {tmp_path}/mine: give both one"
    with cluster(tmp_path) as running:
        # at first they lack what they are to read; later they have it, and even the answer
        for store in (mine, theirs, mine):
            addresses = running.addresses | {"trainer": "127.0.0.1:1"}
            executor = GrpcExecutor(Ledger(store), addresses, timeout_s=30)
            with pytest.raises(SettingInvalid, match=said) if store is mine else nullcontext():
                run_spec(spec, store, executor)
            executor.close()


def _wait_until_each_serves(running: Cluster) -> None:
    for address in running.addresses.values():
        for one in address.removeprefix("ipv4:").split(","):
            with Connection(one) as connection:
                deadline_s = time.monotonic() + 120
                while not connection.is_serving():
                    assert time.monotonic() < deadline_s


def _models_of(store: FileStore, commit: Commit, stage: str) -> set[str]:
    actions = [action for of, action in commit.actions if of == stage]
    records = [Ledger(store).find_record(stage, action) for action in actions]
    return {record.body.action.model_digest for record in records if record is not None}


def _version(stage: str, models: set[str]) -> int:
    (digest,) = models
    return next(version for version in (1, 2) if instant_model(stage, version).digest == digest)


def _quiet_root(folder: Path, spec: RunSpec, versions: dict[str, int]) -> str:
    store = FileStore(folder)
    by_stage = {stage: instant_executor(store, version=version) for stage, version in versions.items()}

    class Mixed(Between):
        def model(self, stage: str, choice: BackendChoice) -> ModelInfo:
            return by_stage.get(stage, self.inner).model(stage, choice)

        def execute(self, request: ShardRequest, call: Call) -> ShardResult:
            return by_stage.get(request.stage, self.inner).execute(request, call)

    return run_spec(spec, store, Mixed(instant_executor(store))).merkle_root
