"""The backlog that wakes stages: plan less ledger, whoever drives, and before there is a plan."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.coordinator.census import Census
from services.coordinator.engine import STAGES
from services.coordinator.events import Event, TaskDone
from services.coordinator.executor import SERVICE_OF
from services.coordinator.executors.grpc import GrpcExecutor
from services.coordinator.run import run_spec, status
from services.coordinator.wanted import want, wanted
from services.coordinator.watch import measure
from synres.errors import ServiceUnavailable
from synres.ledger.file_store import FileStore
from synres.ledger.lease import RunLease
from synres.ledger.ledger import Ledger
from synres.ledger.runs import list_runs
from synres.rpc.coordinator.v1 import coordinator_pb2 as pb
from tests.coordinators import serving
from tests.fakes import MemoryStore
from tests.runs import NODES, Between, instant_executor, spec_with


def _backlog() -> dict[str, int]:
    found = {stage: REGISTRY.get_sample_value("synres_stage_backlog", {"stage": stage}) for stage in STAGES}
    return {stage: int(count) for stage, count in found.items() if count}


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_a_run_that_another_process_drives_is_counted_from_the_ledger(tmp_path: Path) -> None:
    """`synres run` drives by itself: what it has left is in the coordinator's metric, until it is over."""
    store, held = FileStore(tmp_path), threading.Event()
    spec = spec_with(("workers: 2", "workers: 8"))

    def hold(request: object) -> None:
        if request.stage == "segment":  # type: ignore[attr-defined]
            held.wait(60)

    def run() -> None:
        run_spec(spec, store, Between(instant_executor(store), hold))

    with serving(tmp_path) as client:
        driver = threading.Thread(target=run)
        driver.start()
        _wait_until(lambda: _backlog() == {"segment": 3, "group": 3, "train": 1, "evaluate": 1})
        (run,) = list_runs(store)
        found = client.ask("GetRun", run=run).run
        assert (found.state, found.message[:10]) == (pb.RUN_STATE_RUNNING, "driven by ")
        held.set()
        driver.join()
        _wait_until(lambda: not _backlog())


def test_a_run_without_a_driver_is_no_backlog() -> None:
    """Nobody would send a woken stage anything: its lease is gone, or older than its time."""
    store, told = MemoryStore(), list[dict[str, int]]()

    class Stop(Exception):
        pass

    def stop(event: Event) -> None:
        if isinstance(event, TaskDone):
            raise Stop

    with pytest.raises(Stop):
        run_spec(spec_with(), store, instant_executor(store), stop)
    (run,) = list_runs(store)
    lease = RunLease(store, run)
    lease.take("another", 30.0)
    census = Census(store, set, lambda others, wanted: told.append(dict(others)), pause_s=0.01)
    _wait_until(lambda: bool(told))
    assert NODES - 3 <= sum(told[0].values()) < NODES
    store.now_s += 31.0
    _wait_until(lambda: told[-1] == {})
    census.close()


def test_a_planner_wakes_all_that_sleep() -> None:
    """The plan needs every stage's model: with nobody there each has a backlog of one, for a while."""
    store, nobody = MemoryStore(), "127.0.0.1:1"
    executor = GrpcExecutor(Ledger(store), dict.fromkeys((*SERVICE_OF.values(), "trainer"), nobody))
    with pytest.raises(ServiceUnavailable, match=f"nobody is ready at {nobody}"):
        run_spec(spec_with(("patience_s: 30", "patience_s: 0")), store, executor)
    executor.close()
    assert wanted(store) == {"caption", "generate", "segment", "group"}
    measure([], {"group": 5}, wanted(store))
    assert _backlog() == {"caption": 1, "generate": 1, "segment": 1, "group": 5}
    store.now_s += 120.0
    want(store, ["segment"])
    assert wanted(store) == {"segment"}
    measure([])


def test_a_status_says_who_drives_and_what_is_waited_for() -> None:
    """From the store alone: the lease says it, while there is one."""
    store, waiting = MemoryStore(), threading.Event()

    class Asleep(Between):
        def replicas(self) -> dict[str, int]:
            return {} if waiting.is_set() else {"segment": 0}

    spec, executor = spec_with(), Asleep(instant_executor(store))
    driver = threading.Thread(target=lambda: run_spec(spec, store, executor, lease_ttl_s=1.0))
    driver.start()
    _wait_until(lambda: bool(list_runs(store)))
    (run,) = list_runs(store)
    _wait_until(lambda: RunLease(store, run).read() is not None)
    _wait_until(lambda: status(store, run).waits_for.startswith("segment: no replica of segment is ready"))
    assert status(store, run).driver
    waiting.set()
    driver.join()
    assert (status(store, run).driver, status(store, run).waits_for) == ("", "")
