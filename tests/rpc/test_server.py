"""Health, reflection, the port, and real processes: drained on SIGTERM, found again when reborn."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.allinone import free_ports
from synres.errors import ServiceUnavailable, SettingInvalid
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest, ShardResult
from synres.rpc.client import CaptionerClient
from synres.rpc.server import Server
from synres.settings import ServiceSettings, environment_with
from synres.stages.caption import CAPTION
from synres.stages.params import CaptionParams
from tests.instant import INSTANT, instant_model, make_samples, plan_shard
from tests.rpc.conftest import Serve

SERVICE = "synres.rpc.captioner.v1.CaptionerService"
SERVING = health_pb2.HealthCheckResponse.SERVING


def _shard(ledger: Ledger, count: int) -> ShardRequest:
    params = CaptionParams(backend="instant", seed=1)
    return plan_shard(CAPTION, instant_model("caption", 1), (make_samples(ledger, count),), params)


def _services(address: str) -> list[str]:
    with grpc.insecure_channel(address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        answer = next(stub.ServerReflectionInfo(iter(asked), timeout=5))
        return [service.name for service in answer.list_services_response.service]


@contextmanager
def _process(
    ledger: Ledger, log: Path, *arguments: str, **settings: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A captioner with instant backends; killed at the end if it still runs."""
    environment = environment_with(ServiceSettings(store_url=ledger.store.url, **settings))
    command = [sys.executable, "-W", "error", "-m", "tests.instant_service", "captioner", *arguments]
    with (
        log.open("ab") as out,
        subprocess.Popen(command, env=environment, stderr=out, stdin=subprocess.PIPE) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("service", ["", SERVICE])
def test_health_is_said_per_service_and_overall(serve: Serve, service: str) -> None:
    """Health needs neither token nor deadline: kubelet has none."""
    with grpc.insecure_channel(serve("captioner", token="secret")) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == SERVING


def test_a_service_that_is_not_ready_is_live() -> None:
    """Whoever restarts what is not live must not restart a service whose Triton is away."""
    server = Server(SERVICE, ServiceSettings(grace_s=0), is_ready=lambda: False)
    with server as address, grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        asked = [health_pb2.HealthCheckRequest(service=name) for name in ("", "live")]
        found = [stub.Check(each, timeout=5).status for each in asked]
    assert found == [health_pb2.HealthCheckResponse.NOT_SERVING, SERVING]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_service_that_cannot_say_whether_it_is_ready_is_not_live() -> None:
    """After a fault in its warm-up nobody asks again, so it would hang, neither ready nor started anew."""

    def is_ready() -> bool:
        raise ZeroDivisionError

    server = Server(SERVICE, ServiceSettings(grace_s=0), is_ready=is_ready)
    with server as address, grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        deadline_s = time.monotonic() + 60
        while stub.Check(health_pb2.HealthCheckRequest(service="live"), timeout=5).status == SERVING:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)


def test_reflection_lists_the_service_when_asked_for(serve: Serve) -> None:
    """grpcurl works with the flag."""
    assert SERVICE in _services(serve("captioner", reflection=True))


def test_reflection_is_off_by_default(serve: Serve) -> None:
    """Without the flag nobody can list methods."""
    with pytest.raises(grpc.RpcError) as caught:
        _services(serve("captioner"))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_taken_port_is_an_error_at_start(serve: Serve) -> None:
    """Two servers on one port would share its calls in silence."""
    address = serve("captioner")
    with pytest.raises(SettingInvalid, match="SYNRES_LISTEN"):
        serve("captioner", listen=address)


def test_sigterm_drains(ledger: Ledger, tmp_path: Path) -> None:
    """A call under way is answered, new ones are refused, health says so at once, and the exit code is 0."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    settings = {"listen": address, "grace_s": 20.0, "drain_delay_s": 0.5}
    with _process(ledger, tmp_path / "log", "--delay-s", "0.1", **settings) as process:
        with CaptionerClient(address, timeout_s=20) as client:
            _wait_until_serving(client)
            answers: list[ShardResult] = []
            request = _shard(ledger, 20)
            caller = threading.Thread(target=lambda: answers.append(client.run_shard(request)))
            caller.start()
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            assert not client.is_serving()
            time.sleep(0.5)
            with CaptionerClient(address, timeout_s=5) as late, pytest.raises(ServiceUnavailable):
                late.describe(INSTANT)
            caller.join()
        assert process.wait(10) == 0
    assert answers[0].counts == {"in": 20, "out": 20}


def test_what_does_not_end_within_the_grace_is_cut(ledger: Ledger, tmp_path: Path) -> None:
    """The caller hears ServiceUnavailable, asks again elsewhere, and the process still exits with 0."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with (
        _process(ledger, tmp_path / "log", "--delay-s", "0.1", listen=address, grace_s=0.3) as process,
        CaptionerClient(address, timeout_s=30) as client,
    ):
        _wait_until_serving(client)
        stopper = threading.Timer(0.3, process.send_signal, (signal.SIGTERM,))
        stopper.start()
        with pytest.raises(ServiceUnavailable):
            client.run_shard(_shard(ledger, 200))
        assert process.wait(5) == 0


def test_a_client_finds_a_service_that_was_killed_and_started_again(ledger: Ledger, tmp_path: Path) -> None:
    """The same client object goes on within two seconds."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with CaptionerClient(address, timeout_s=10) as client:
        with _process(ledger, tmp_path / "log", listen=address) as process:
            _wait_until_serving(client)
            process.kill()
            process.wait()
            with pytest.raises(ServiceUnavailable):
                client.describe(INSTANT)
        with _process(ledger, tmp_path / "log", listen=address):
            _wait_until_serving(client)
            assert client.describe(INSTANT).model == instant_model("caption", 1)


def test_a_tied_service_ends_with_its_parent(ledger: Ledger, tmp_path: Path) -> None:
    """`synres up` leaves no orphans, even when it is killed."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with _process(ledger, tmp_path / "log", listen=address, tied_to_stdin=True) as process:
        with CaptionerClient(address) as client:
            _wait_until_serving(client)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def test_logs_are_json_lines_on_stderr(ledger: Ledger, tmp_path: Path) -> None:
    """Every line names the service; a shard's lines name stage and shard."""
    address, log = f"127.0.0.1:{free_ports(1)[0]}", tmp_path / "log"
    with _process(ledger, log, listen=address), CaptionerClient(address, timeout_s=10) as client:
        _wait_until_serving(client)
        request = _shard(ledger, 1)
        client.run_shard(request)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["service"] for line in lines} == {"captioner"}
    done = next(line for line in lines if line["event"] == "shard done")
    assert (done["stage"], done["shard"], done["outcome"]) == ("caption", request.action[:12], "committed")


def test_a_setting_that_is_wrong_is_one_sentence(ledger: Ledger) -> None:
    """No traceback: the variable, what it holds, what it may hold; exit code 2."""
    environment = environment_with(ServiceSettings(store_url=ledger.store.url)) | {"SYNRES_LOG_LEVEL": "loud"}
    command = [sys.executable, "-m", "services.grouper"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr == "SETTING_INVALID: SYNRES_LOG_LEVEL is 'loud'; use debug, info, warning or error\n"


def _wait_until_serving(client: CaptionerClient) -> None:
    deadline_s = time.monotonic() + 30
    while not client.is_serving():
        assert time.monotonic() < deadline_s
