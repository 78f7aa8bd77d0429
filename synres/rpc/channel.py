"""One channel to one service: token, deadline and trace on every call, our own errors out of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from synres import telemetry
from synres.errors import InvalidInput
from synres.rpc.status import error_of

_POLL_S = 0.1
_TLS = "https://"
_AGAIN = {
    "maxAttempts": 4,
    "initialBackoff": "0.05s",
    "maxBackoff": "1s",
    "backoffMultiplier": 3,
    # of a server alone: a server that stops cancels what it has received and not yet begun
    "retryableStatusCodes": ["CANCELLED"],
}
_OPTIONS = (
    # the service says what is too large, in its own words
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # a restarted service is found within a second, not after two minutes
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # in gRPC's words a least backoff, in truth how long one attempt may take: a busy node needs its time
    ("grpc.min_reconnect_backoff_ms", 5_000),
    # `dns:///name:port` of a headless Service gives every replica its share
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    # channels of one process to one address would share a connection and its backoff
    ("grpc.use_local_subchannel_pool", 1),
    # what a server that stops has not looked at goes to the next one, if it is no larger than this; all else
    # the driver retries, by class and with jitter
    ("grpc.per_rpc_retry_buffer_size", 16 * 2**20),
    ("grpc.service_config", json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": _AGAIN}]})),
)


class Connection:
    """`address` is host:port, or dns:///name:port for all replicas behind a name; https://host:port speaks
    TLS, with the system's roots or those of GRPC_DEFAULT_SSL_ROOTS_FILE_PATH. Raises InvalidInput for http://.

    Safe to share between threads; a context manager that closes the channel.
    """

    def __init__(self, address: str, token: str | None = None, timeout_s: float = 600.0) -> None:
        self.address = address
        self.channel = _channel(address)
        self._timeout_s = timeout_s
        self._token = token

    def call(self, method: Any, request: Any, check: Callable[[], None] | None = None) -> Any:
        """Calls a stub's `method`; raises the class of `synres.errors` that the service raised.

        `check` is asked while waiting; what it raises cancels the call, and the service then stops too.
        """
        headers = telemetry.trace_headers()
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token}"
        metadata = tuple(headers.items())
        try:
            if check is None:
                return method(request, timeout=self._timeout_s, metadata=metadata)
            return _await(method.future(request, timeout=self._timeout_s, metadata=metadata), check)
        except grpc.RpcError as error:
            raise error_of(cast(grpc.Call, error)) from error

    def is_serving(self) -> bool:
        """What the health service says; False when nobody answers within two seconds."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=2.0, wait_for_ready=True)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def close(self) -> None:
        self.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _channel(address: str) -> grpc.Channel:
    if address.startswith("http://"):
        raise InvalidInput(
            f"address {address}: calls go by gRPC and not by HTTP: give host:port as the service prints it "
            "for gRPC, or https://host:port for TLS"
        )
    if address.startswith(_TLS):
        target = address.removeprefix(_TLS).rstrip("/")
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(), options=_OPTIONS)
    return grpc.insecure_channel(address, options=_OPTIONS)


def _await(future: Any, check: Callable[[], None]) -> Any:
    try:
        while True:
            check()
            try:
                return future.result(timeout=_POLL_S)
            except grpc.FutureTimeoutError:
                continue
    finally:
        # no effect on a call that has ended
        future.cancel()
