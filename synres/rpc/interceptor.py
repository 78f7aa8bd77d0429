"""The outermost interceptor: token, deadline, admission, logs and metrics around every call of ours.

Public methods look at their caller themselves and bound their own work; the guard leaves that to them, and
logs nothing that their callers wrote.

Whatever goes wrong inside leaves as a status with ErrorInfo; a fault of ours is logged with its traceback
and leaves as INTERNAL without a word about our insides. Reflection passes untouched. Of health `Check` is
answered; `Watch` is not, since each watcher's message would hold a thread for as long as it likes.
"""

from __future__ import annotations

import hmac
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NoReturn

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
from synres.rpc.reading import Reading
from synres.rpc.status import code_of, status_of

_OURS = ("/synres.rpc.", "/inference.")
_WITH_DEADLINE = "/synres.rpc."
_HEALTH = "/grpc.health.v1.Health/"
FOREVER_S = 10 * 365 * 86400.0
"""A call without a deadline says that it has more time than this."""


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
    is_public: bool = False
    needs_deadline: bool = False


class Guard(grpc.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """`token` None lets everybody in if it `is_open`, which the server allows on loopback only.

    `public`: the methods that guard themselves, "/service/Method" or "/service/" for all of one.
    """

    def __init__(
        self,
        token: str | None,
        admission: Admission,
        reading: Reading,
        public: Sequence[str] = (),
        is_open: bool = True,
    ) -> None:
        self._expected = None if token is None else f"Bearer {token}".encode()
        self._admission, self._reading = admission, reading
        self._public, self._is_open = frozenset(public), is_open

    def intercept_service(self, continuation: Callable[..., Any], details: Any) -> Any:
        handler = continuation(details)
        if handler is None or not details.method.startswith((*_OURS, _HEALTH)):
            return handler
        _, service, name = details.method.split("/")
        if details.method.startswith(_HEALTH):
            return None if handler.response_streaming else self._health(_Method(service, name, handler))
        is_public = details.method in self._public or f"/{service}/" in self._public
        needs_deadline = details.method.startswith(_WITH_DEADLINE)
        method = _Method(service, name, handler, is_public, needs_deadline)
        # without (de)serializers the bytes come here, and a broken message gets its ErrorInfo too;
        # as a stream of one message, they come when they are asked for
        return grpc.stream_unary_rpc_method_handler(
            lambda requests, context: self._answer(method, requests, context)
        )

    def _health(self, method: _Method) -> Any:
        def check(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            try:
                request = _parse(method, self._reading.message(requests, context, is_counted=False))
            except SynresError as error:
                _abort(context, error)
            serialized: bytes = method.handler.response_serializer(
                method.handler.unary_unary(request, context)
            )
            return serialized

        return grpc.stream_unary_rpc_method_handler(check)

    def _answer(self, method: _Method, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        metadata = {str(key): str(value) for key, value in context.invocation_metadata()}
        with (
            telemetry.observed(method.service, method.name) as report,
            telemetry.rpc_span(f"{method.service}/{method.name}", metadata) as report_span,
        ):
            outcome = self._outcome(method, requests, metadata, context)
            code = code_of(outcome).name if isinstance(outcome, SynresError) else "OK"
            report(code)
            report_span(code)
        if isinstance(outcome, SynresError):
            _abort(context, outcome)
        return outcome

    def _outcome(
        self,
        method: _Method,
        requests: Iterator[bytes],
        metadata: dict[str, str],
        context: grpc.ServicerContext,
    ) -> bytes | SynresError:
        try:
            return self._serve(method, requests, metadata, context)
        except SynresError as error:
            told = {} if method.is_public else {"error": error.message}
            # overloads are counted alone: to refuse must be cheap
            if not isinstance(error, Overloaded):
                telemetry.log.info("call refused", method=method.name, code=error.code, **told)
            return error
        except Exception as error:  # noqa: BLE001 - the one place: whatever it is, the caller gets a status
            _log_fault(method, error)
            return InternalError("a fault of the service; its log holds the traceback")

    def _serve(
        self,
        method: _Method,
        requests: Iterator[bytes],
        metadata: dict[str, str],
        context: grpc.ServicerContext,
    ) -> bytes:
        if not method.is_public:
            self._authenticate(metadata.get("authorization", ""))
        if method.needs_deadline and (
            context.time_remaining() is None or context.time_remaining() > FOREVER_S
        ):
            raise DeadlineRequired("the call has no deadline; set a timeout")
        with nullcontext() if method.is_public else self._admission.place():
            data = self._reading.message(requests, context, method.is_public)
            answer = method.handler.unary_unary(_parse(method, data), context)
            serialized: bytes = method.handler.response_serializer(answer)
            return serialized

    def _authenticate(self, authorization: str) -> None:
        if self._expected is None and not self._is_open:
            raise Unauthenticated("this service was given no token: it answers its online calls alone")
        if self._expected is not None and not hmac.compare_digest(authorization.encode(), self._expected):
            raise Unauthenticated("the token is missing or wrong; set SYNRES_TOKEN as the service has it")


def _abort(context: grpc.ServicerContext, error: SynresError) -> NoReturn:
    context.abort_with_status(rpc_status.to_status(status_of(error)))


def _log_fault(method: _Method, error: Exception) -> None:
    if method.is_public:
        # what the exception says may be what the caller said
        frames = "".join(traceback.format_tb(error.__traceback__))
        telemetry.log.error("call failed", method=method.name, kind=type(error).__name__, frames=frames)
    else:
        telemetry.log.error("call failed", method=method.name, exc_info=error)


def _parse(method: _Method, data: bytes) -> Any:
    try:
        return method.handler.request_deserializer(data)
    except DecodeError as error:
        raise InvalidInput(f"not a request of {method.name}: {error}") from error
