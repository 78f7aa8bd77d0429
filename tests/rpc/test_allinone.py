"""Every service on one machine: in this process, or as processes that are tied to it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.allinone import STAGE_SERVICES, LocalCluster, free_addresses, in_process, local_s3
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
            assert client.describe("itag").stage_version == 1
        for name in STAGE_SERVICES:
            with Connection(getattr(clients, f"{name}_address")) as connection:
                assert connection.is_serving()
    with (
        GrouperClient(clients.grouper_address, "secret", timeout_s=5) as client,
        pytest.raises(ServiceUnavailable),
    ):
        client.describe("itag")


def test_services_as_processes_are_drained_and_revived(tmp_path: Path) -> None:
    """One that was killed is started again; at the end all have ended with 0."""
    settings = _settings(tmp_path)
    with LocalCluster(settings, free_addresses(settings), tmp_path / "logs", STAGE_SERVICES) as cluster:
        cluster.processes["grouper"].kill()
        cluster.processes["grouper"].wait()
        assert cluster.revive() == ["grouper"]
        with GrouperClient(cluster.address("grouper"), "secret", timeout_s=30) as client:
            _wait_until_serving(client)
            assert client.describe("itag").model.name == "itag"
        assert cluster.revive() == []
    assert {process.returncode for process in cluster.processes.values()} == {0}


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
