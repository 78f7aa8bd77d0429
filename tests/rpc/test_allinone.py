"""Every service on one machine: in this process, or as processes that are tied to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.allinone import (
    STAGE_SERVICES,
    LocalCluster,
    Restarts,
    free_addresses,
    in_process,
    local_s3,
)
from synres.domain.choice import BackendChoice
from synres.errors import ServiceUnavailable, SettingInvalid
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.rpc.channel import Connection
from synres.rpc.client import GrouperClient
from synres.settings import ServiceSettings, environment_with


def _settings(tmp_path: Path) -> ServiceSettings:
    return ServiceSettings(store_url=str(tmp_path / "store"), token="secret", grace_s=5.0)


def test_services_in_this_process(tmp_path: Path) -> None:
    """All stage services answer on ports of their own, and are gone afterwards."""
    with in_process(_settings(tmp_path)) as clients:
        with GrouperClient(clients.grouper_address, "secret", timeout_s=5) as client:
            assert client.describe(BackendChoice("itag")).stage_version == 1
        for name in STAGE_SERVICES:
            with Connection(getattr(clients, f"{name}_address")) as connection:
                assert connection.is_serving()
    with (
        GrouperClient(clients.grouper_address, "secret", timeout_s=5) as client,
        pytest.raises(ServiceUnavailable),
    ):
        client.describe(BackendChoice("itag"))


def test_services_as_processes_are_drained_and_revived(tmp_path: Path) -> None:
    """One that was killed is started again; at the end all have ended with 0."""
    settings = _settings(tmp_path)
    with LocalCluster(settings, free_addresses(settings), tmp_path / "logs", STAGE_SERVICES) as cluster:
        cluster.processes["grouper"].kill()
        cluster.processes["grouper"].wait()
        assert cluster.revive() == ["grouper had ended with -9 and is started again"]
        with GrouperClient(cluster.address("grouper"), "secret", timeout_s=30) as client:
            _wait_until_serving(client)
            assert client.describe(BackendChoice("itag")).model.name == "itag"
        assert cluster.revive() == []
    assert {process.returncode for process in cluster.processes.values()} == {0}


def test_a_service_that_crashes_again_and_again_is_started_ever_more_rarely(tmp_path: Path) -> None:
    """At once the first time, then after a second, and so on; the console is told when, and where to look."""
    settings = _settings(tmp_path)
    with LocalCluster(settings, free_addresses(settings), tmp_path / "logs", ("grouper",)) as cluster:
        cluster.settings = settings.model_copy(update={"log_level": "loud"})
        cluster.processes["grouper"].kill()
        cluster.processes["grouper"].wait()
        assert cluster.revive() == ["grouper had ended with -9 and is started again"]
        cluster.processes["grouper"].wait()
        (told,) = cluster.revive()
        assert told.startswith("grouper had ended with 2 once more: it is started in 1 s; ")
        assert told.endswith(f"{tmp_path / 'logs' / 'grouper'}.log says why")
        assert cluster.revive() == []


def test_the_wait_between_restarts_doubles_to_a_minute_and_is_forgotten_by_a_steady_service() -> None:
    """A crash loop costs a start a minute at most; a service that held out is started at once again."""
    restarts, now_s, waits = Restarts(), 1000.0, []
    for _ in range(9):
        waits.append(restarts.ended(now_s))
        now_s += waits[-1]
        restarts.started(now_s)
        now_s += 1.0
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert restarts.ended(now_s + 20) == 0


def test_a_service_that_does_not_start_says_why(tmp_path: Path) -> None:
    """The last lines of its log are the message."""
    settings = _settings(tmp_path).model_copy(update={"log_level": "loud"})
    cluster = LocalCluster(settings, free_addresses(settings), tmp_path / "logs", ("grouper",))
    with pytest.raises(ServiceUnavailable, match="grouper did not start: SETTING_INVALID"):
        cluster.start()


def test_a_second_cluster_on_the_same_addresses_does_not_start(tmp_path: Path) -> None:
    """The services of the first would answer for it, and its own would be started again for ever."""
    settings = _settings(tmp_path)
    addresses = free_addresses(settings)
    with LocalCluster(settings, addresses, tmp_path / "logs", ("grouper",)) as first:
        second = LocalCluster(settings, addresses, tmp_path / "other", ("captioner", "grouper"))
        with pytest.raises(SettingInvalid, match="SYNRES_GROUPER_ADDRESS: cannot listen on"):
            second.start()
        assert second.processes == {}
        assert first.revive() == []


def test_no_orphans_when_the_parent_is_killed(tmp_path: Path) -> None:
    """kill -9 of `synres up` takes its services along."""
    code = (
        "import sys, time; from pathlib import Path; from services.allinone import *;"
        "settings = ServiceSettings(); addresses = free_addresses(settings);"
        "cluster = LocalCluster(settings, addresses, Path(sys.argv[1]), ('grouper',));"
        "cluster.start(); print(cluster.processes['grouper'].pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "logs")]
    environment = environment_with(_settings(tmp_path))
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline_s = time.monotonic() + 15
    while _lives(child):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_the_store_dies_with_its_parent(tmp_path: Path) -> None:
    """kill -9 of `synres up --s3` takes the SeaweedFS server along."""
    code = (
        "import sys, time; from pathlib import Path; from services.allinone import local_s3\n"
        "with local_s3(Path(sys.argv[1])) as settings:\n"
        "    print(settings.s3_endpoint, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "s3")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        host, _, port = parent.stdout.readline().strip().partition(":")
        socket.create_connection((host, int(port))).close()
        parent.kill()
    deadline_s = time.monotonic() + 15
    while _answers(host, int(port)):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_a_tied_command_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """SIGTERM reaches the command itself; its exit code is passed on."""
    code = "import time; print('up', flush=True); time.sleep(60)"
    command = [sys.executable, "-m", "services.tied", sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tied:
        assert tied.stdout is not None and tied.stdout.readline() == b"up\n"
        tied.terminate()
        assert tied.wait(10) != 0


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_local_s3_store(tmp_path: Path) -> None:
    """SeaweedFS on loopback keeps what is put; its data outlive it."""
    with local_s3(tmp_path / "s3") as settings:
        ref = Ledger(open_store(settings.store_url, settings)).put_blob(b"kept", "text/plain")
    with local_s3(tmp_path / "s3") as settings:
        assert Ledger(open_store(settings.store_url, settings)).get_blob(ref.digest) == b"kept"


def _lives(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process_id}/status")
    return not (status.exists() and "\nState:\tZ" in status.read_text())


def _wait_until_serving(connection: Connection) -> None:
    deadline_s = time.monotonic() + 30
    while not connection.is_serving():
        assert time.monotonic() < deadline_s
