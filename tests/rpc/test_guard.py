"""What stands before every call: token, deadline, admission; and what no error may leak."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from services.captioner import app as captioner_app
from services.captioner.settings import CaptionerSettings
from synres.domain.choice import BackendChoice
from synres.errors import (
    ArtifactMissing,
    CallCancelled,
    DeadlineExceeded,
    DeadlineRequired,
    InternalError,
    InvalidInput,
    NotFound,
    Overloaded,
    SettingInvalid,
    Unauthenticated,
)
from synres.ledger.ledger import Ledger
from synres.ports import Captioner, ShardRequest
from synres.rpc.captioner.v1 import captioner_pb2, captioner_pb2_grpc
from synres.rpc.client import CaptionerClient, SegmenterClient
from synres.rpc.reading import Reading
from synres.rpc.server import Public, Server
from synres.rpc.status import error_of
from synres.settings import ServiceSettings
from synres.stages.caption import CAPTION
from synres.stages.params import CaptionParams, SegmentParams
from synres.stages.segment import SEGMENT
from synres.stages.shard import never_stop
from tests.instant import INSTANT, build_instant, instant_model, make_samples, plan_shard
from tests.rpc.conftest import Serve

DESCRIBE = "/synres.rpc.captioner.v1.CaptionerService/Describe"


def _shard_of(stage: str) -> ShardRequest:
    """Whose input is nowhere."""
    params = SegmentParams(backend="instant")
    return plan_shard(SEGMENT, instant_model(stage, 1), ("0" * 64,), params)


def _shard(ledger: Ledger, count: int) -> ShardRequest:
    params = CaptionParams(backend="instant", seed=1)
    return plan_shard(CAPTION, instant_model("caption", 1), (make_samples(ledger, count),), params)


def test_a_call_without_deadline_is_refused(serve: Serve) -> None:
    """A caller that would wait for ever holds a place for ever."""
    with grpc.insecure_channel(serve("captioner")) as channel:
        stub = captioner_pb2_grpc.CaptionerServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Describe(captioner_pb2.DescribeRequest(backend="instant"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert isinstance(error_of(caught.value), DeadlineRequired)


@pytest.mark.parametrize("token", [None, "", "wrong", "secret2"])
def test_a_wrong_token_is_refused(serve: Serve, token: str | None) -> None:
    """Nothing of ours answers without the shared token."""
    address = serve("captioner", token="secret")
    with CaptionerClient(address, token, timeout_s=5) as client:
        with pytest.raises(Unauthenticated, match="SYNRES_TOKEN"):
            client.describe(INSTANT)
        assert client.is_serving()


def test_the_right_token_opens(serve: Serve) -> None:
    """The client sends its token with every call."""
    with CaptionerClient(serve("captioner", token="secret"), "secret", timeout_s=5) as client:
        assert client.describe(INSTANT).model.name == "instant"


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "example.org:0"])
def test_no_token_beyond_loopback_is_an_error_at_start(ledger: Ledger, listen: str) -> None:
    """An open service on the network is a mistake, so it does not start."""
    with pytest.raises(SettingInvalid, match="SYNRES_TOKEN is needed"):
        build_instant("captioner", listen=listen, store_url=ledger.store.url)


def test_one_call_too_many_is_told_when_to_return(serve: Serve, ledger: Ledger) -> None:
    """Beyond `max_in_flight` the answer is immediate, and the place is free again afterwards."""
    address = serve("captioner", delay_s=0.3, max_in_flight=1)
    with CaptionerClient(address, timeout_s=10) as client:
        first = threading.Thread(target=client.run_shard, args=(_shard(ledger, 2),))
        first.start()
        time.sleep(0.2)
        started_s = time.monotonic()
        with pytest.raises(Overloaded) as caught:
            client.describe(INSTANT)
        assert time.monotonic() - started_s < 0.2
        assert caught.value.retry_after_s > 0
        first.join()
        client.describe(INSTANT)


def test_the_deadline_ends_the_work_between_items(serve: Serve, ledger: Ledger) -> None:
    """A shard that nobody waits for any more stops, and leaves no record."""
    request = _shard(ledger, 50)
    address = serve("captioner", delay_s=0.1)
    with CaptionerClient(address, timeout_s=0.35) as client, pytest.raises(DeadlineExceeded):
        client.run_shard(request)
    _wait_until_free(address)
    assert ledger.find_record("caption", request.action) is None


def test_a_cancelled_call_frees_the_model(serve: Serve, ledger: Ledger) -> None:
    """The caller gets what its check raised; the service stops between items, without a record."""
    address, request = serve("captioner", delay_s=0.1), _shard(ledger, 100)
    stop_s = time.monotonic() + 0.3

    def check() -> None:
        if time.monotonic() > stop_s:
            raise CallCancelled("the driver stops")

    with (
        CaptionerClient(address, timeout_s=60) as client,
        pytest.raises(CallCancelled, match="the driver stops"),
    ):
        client.run_shard(request, check)
    assert time.monotonic() < stop_s + 1
    _wait_until_free(address)
    assert ledger.find_record("caption", request.action) is None


def test_a_patient_check_changes_nothing(serve: Serve, ledger: Ledger) -> None:
    """Answers and errors are those of a call without a check."""
    with CaptionerClient(serve("captioner"), timeout_s=10) as client:
        assert client.run_shard(_shard(ledger, 2), never_stop).counts == {"in": 2, "out": 2}
        with pytest.raises(InvalidInput, match="params do not fit"):
            client.run_shard(ShardRequest("caption", "", (), b"{}"), never_stop)


def _wait_until_free(address: str) -> None:
    """A shard of one item takes its turn within two seconds."""
    with CaptionerClient(address, timeout_s=2) as client, pytest.raises(InvalidInput):
        client.run_shard(ShardRequest("caption", "", (), b"{}"))


def test_a_fault_of_ours_leaks_nothing(ledger: Ledger) -> None:
    """INTERNAL with ErrorInfo; paths and messages of the exception stay in the log."""

    def load(name: str) -> Captioner:
        raise LookupError(f"no {name} in /home/somebody/weights")

    server = captioner_app.build(CaptionerSettings(listen="127.0.0.1:0", store_url=ledger.store.url), load)
    with (
        server as address,
        CaptionerClient(address, timeout_s=5) as client,
        pytest.raises(InternalError) as caught,
    ):
        client.run_shard(_shard(ledger, 1))
    assert caught.value.message == "a fault of the service; its log holds the traceback"


@pytest.mark.parametrize("letter", ["x", "\u00fc", "\U0001f600", "\n"])
def test_a_long_message_does_not_cost_its_class(serve: Serve, letter: str) -> None:
    """Headers over their limit would arrive as bad input, and stop a run that only had to wait."""
    with CaptionerClient(serve("captioner"), timeout_s=5) as client:
        for count in (1_000, 4_000, 100_000):
            with pytest.raises(NotFound, match="backend '"):
                client.describe(BackendChoice(letter * count))


def test_a_broken_message_gets_error_info_too(serve: Serve) -> None:
    """gRPC's own answer would be INTERNAL without a reason."""
    with grpc.insecure_channel(serve("captioner")) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(DESCRIBE)(b"\xff\xff", timeout=5)
        info = error_details_pb2.ErrorInfo()
        assert rpc_status.from_call(caught.value).details[0].Unpack(info)
    assert info.reason == "INVALID_INPUT"


def test_a_message_over_the_limit_is_bad_input(serve: Serve) -> None:
    """Too large today is too large tomorrow: no retry."""
    address = serve("captioner", max_message_bytes=2000)
    with (
        CaptionerClient(address, timeout_s=5) as client,
        pytest.raises(InvalidInput, match="larger than max"),
    ):
        client.describe(BackendChoice("x" * 3000))


def test_callers_that_send_nothing_leave_the_service_to_others(serve: Serve) -> None:
    """Each would hold a thread until its message comes; those too many are refused, all else is answered."""
    address, done = serve("segmenter", token="secret", segmenter_max_calls=2), threading.Event()

    def nothing() -> Iterator[bytes]:
        done.wait(60)
        yield from ()

    with grpc.insecure_channel(address) as channel, SegmenterClient(address, "secret", 60) as client:
        silent = channel.stream_unary("/synres.rpc.segmenter.v1.SegmenterService/Segment")
        calls = [silent.future(nothing(), timeout=60) for _ in range(40)]
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest(service="live"), timeout=60).status == 1
        with pytest.raises(ArtifactMissing):
            client.run_shard(_shard_of("segment"))
        deadline_s = time.monotonic() + 60
        while sum(call.done() for call in calls) < 38:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        done.set()
        told = [error_of(call.exception(timeout=60)) for call in calls]
    assert Counter(type(error) for error in told) == {Overloaded: 38, InvalidInput: 2}


def test_health_is_answered_while_as_many_calls_as_may_be_work_and_as_many_send_nothing() -> None:
    """A busy service that kubelet cannot ask would be started anew."""
    held, done, most = threading.Semaphore(0), threading.Event(), 12

    def hold(request: bytes, context: grpc.ServicerContext) -> bytes:
        held.release()
        done.wait(60)
        return request

    def nothing() -> Iterator[bytes]:
        done.wait(60)
        yield from ()

    name = "inference.Test"
    public = Public(methods=(f"/{name}/",), max_calls=most)
    server = Server(name, ServiceSettings(grace_s=5, max_in_flight=1), public=public)
    handler = grpc.unary_unary_rpc_method_handler(hold, bytes, bytes)
    server.grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Hold": handler}),))
    with server as address, grpc.insecure_channel(address) as channel:
        work = channel.unary_unary(f"/{name}/Hold")
        working = [work.future(b"", timeout=60) for _ in range(most)]
        assert all(held.acquire(timeout=60) for _ in range(most))
        silent = channel.stream_unary(f"/{name}/Hold")
        sending = [silent.future(nothing(), timeout=60) for _ in range(most)]
        health = health_pb2_grpc.HealthStub(channel)
        health.Check(health_pb2.HealthCheckRequest(service="live"), wait_for_ready=True, timeout=60)
        assert not any(call.done() for call in (*working, *sending))
        done.set()
        assert all(call.exception(timeout=60) for call in sending)


def test_nobody_watches_health_and_a_broken_question_is_refused(serve: Serve) -> None:
    """A watcher's message, too, could hold a thread; kubelet and balancers ask again and again instead."""
    with grpc.insecure_channel(serve("captioner")) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            next(health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"\xff\xff", timeout=60)
        assert isinstance(error_of(caught.value), InvalidInput)


class Late:
    """A call whose message comes only when somebody cuts it off."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        self.cancelled.set()

    def requests(self) -> Iterator[bytes]:
        assert self.cancelled.wait(60)
        raise grpc.RpcError
        yield b""


def test_a_message_that_does_not_come_is_given_up() -> None:
    """Its thread and its place are free for others again."""
    reading, late, stopped = Reading(1, longest_s=0.01), Late(), threading.Event()
    watcher = threading.Thread(target=reading.watch, args=(stopped,))
    watcher.start()
    with pytest.raises(CallCancelled):
        reading.message(late.requests(), late, is_counted=True)
    assert reading.message(iter([b"next"]), late, is_counted=True) == b"next"
    stopped.set()
    watcher.join()
