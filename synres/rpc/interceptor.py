"""The outermost interceptor: token, deadline, admission, logs and metrics around every call of ours.

Whatever goes wrong inside leaves as a status with ErrorInfo; a fault of ours is logged with its traceback
and leaves as INTERNAL without a word about our insides. Health and reflection pass untouched.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from synres import telemetry
from synres.errors import (
    DeadlineRequired,
    InternalError,
    InvalidInput,
    Overloaded,
    SynresError,
    Unauthenticated,
)
from synres.rpc.status import code_of, status_of

_OURS = "/synres.rpc."
_FOREVER_S = 10 * 365 * 86400.0


class Admission:
    """At most `limit` calls at a time; one more raises Overloaded with about the time that a call takes."""

    def __init__(self, limit: int) -> None:
        self._free = threading.BoundedSemaphore(limit)
        self._usual_s = 0.1

    @contextmanager
    def place(self) -> Iterator[None]:
        if not self._free.acquire(blocking=False):
            raise Overloaded("the service is full", retry_after_s=self._usual_s)
        started_s = time.perf_counter()
        try:
            yield
        finally:
            self._usual_s += 0.2 * (time.perf_counter() - started_s - self._usual_s)
            self._free.release()


@dataclass(frozen=True, slots=True)
class _Method:
    service: str
    name: str
    handler: Any


class Guard(grpc.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """`token` None lets everybody in: the server allows that on loopback only."""

    def __init__(self, token: str | None, admission: Admission) -> None:
        self._expected = None if token is None else f"Bearer {token}".encode()
        self._admission = admission

    def intercept_service(self, continuation: Callable[..., Any], details: Any) -> Any:
        handler = continuation(details)
        if handler is None or not details.method.startswith(_OURS):
            return handler
        _, service, name = details.method.split("/")
        method = _Method(service, name, handler)
        # without (de)serializers the bytes come here, and a broken message gets its ErrorInfo too
        return grpc.unary_unary_rpc_method_handler(lambda data, context: self._answer(method, data, context))

    def _answer(self, method: _Method, data: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = {str(key): str(value) for key, value in context.invocation_metadata()}
        with _observed(method) as report, telemetry.span(f"{method.service}/{method.name}", metadata):
            outcome = self._outcome(method, data, metadata, context)
            if isinstance(outcome, SynresError):
                report(code_of(outcome).name)
        if isinstance(outcome, SynresError):
            context.abort_with_status(rpc_status.to_status(status_of(outcome)))
        return outcome

    def _outcome(
        self, method: _Method, data: bytes, metadata: dict[str, str], context: grpc.ServicerContext
    ) -> bytes | SynresError:
        try:
            return self._serve(method, data, metadata, context)
        except SynresError as error:
            telemetry.log.info("call refused", method=method.name, code=error.code, error=error.message)
            return error
        except Exception:  # noqa: BLE001 - the one place: whatever it is, the caller gets a status
            telemetry.log.exception("call failed", method=method.name)
            return InternalError("a fault of the service; its log holds the traceback")

    def _serve(
        self, method: _Method, data: bytes, metadata: dict[str, str], context: grpc.ServicerContext
    ) -> bytes:
        self._authenticate(metadata.get("authorization", ""))
        if context.time_remaining() is None or context.time_remaining() > _FOREVER_S:
            raise DeadlineRequired("the call has no deadline; set a timeout")
        with self._admission.place():
            answer = method.handler.unary_unary(_parse(method, data), context)
            serialized: bytes = method.handler.response_serializer(answer)
            return serialized

    def _authenticate(self, authorization: str) -> None:
        if self._expected is not None and not hmac.compare_digest(authorization.encode(), self._expected):
            raise Unauthenticated("the token is missing or wrong; set SYNRES_TOKEN as the service has it")


def _parse(method: _Method, data: bytes) -> Any:
    try:
        return method.handler.request_deserializer(data)
    except DecodeError as error:
        raise InvalidInput(f"not a request of {method.name}: {error}") from error


@contextmanager
def _observed(method: _Method) -> Iterator[Callable[[str], None]]:
    """Counts and times one call; the code is OK unless reported otherwise."""
    codes = ["OK"]
    started_s = time.perf_counter()
    in_flight = telemetry.IN_FLIGHT.labels(method.service)
    in_flight.inc()
    try:
        yield codes.append
    finally:
        in_flight.dec()
        telemetry.REQUESTS.labels(method.service, method.name, codes[-1]).inc()
        telemetry.REQUEST_SECONDS.labels(method.service, method.name).observe(time.perf_counter() - started_s)
