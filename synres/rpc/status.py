"""One table: each class of `synres.errors` has a gRPC status. Both directions read it.

ErrorInfo always carries the class's code, so the client raises the class that the service raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode
from grpc_status import rpc_status

from synres import errors
from synres.errors import ArtifactMissing, InternalError, Overloaded, RejectedItem, SynresError

DOMAIN = "synres"
MAX_MESSAGE_BYTES = 1500
"""A status travels in headers, twice, and a client refuses headers of 8 KiB: the class would be lost."""

STATUS: Mapping[type[SynresError], StatusCode] = {
    errors.SynresError: StatusCode.UNKNOWN,
    errors.InvalidInput: StatusCode.INVALID_ARGUMENT,
    errors.SpecInvalid: StatusCode.INVALID_ARGUMENT,
    errors.SettingInvalid: StatusCode.FAILED_PRECONDITION,
    errors.UnsafePath: StatusCode.INVALID_ARGUMENT,
    errors.MixturePartEmpty: StatusCode.FAILED_PRECONDITION,
    errors.NotFound: StatusCode.NOT_FOUND,
    errors.DeadlineRequired: StatusCode.INVALID_ARGUMENT,
    errors.RejectedItem: StatusCode.INVALID_ARGUMENT,
    errors.BackendUnavailable: StatusCode.FAILED_PRECONDITION,
    errors.StoreError: StatusCode.INTERNAL,
    errors.StoreUnavailable: StatusCode.UNAVAILABLE,
    errors.StoreFull: StatusCode.RESOURCE_EXHAUSTED,
    errors.ArtifactMissing: StatusCode.NOT_FOUND,
    errors.ArtifactCorrupt: StatusCode.DATA_LOSS,
    errors.LedgerVersionMismatch: StatusCode.FAILED_PRECONDITION,
    errors.ServiceError: StatusCode.INTERNAL,
    errors.ServiceUnavailable: StatusCode.UNAVAILABLE,
    errors.Overloaded: StatusCode.RESOURCE_EXHAUSTED,
    errors.DeadlineExceeded: StatusCode.DEADLINE_EXCEEDED,
    errors.CallCancelled: StatusCode.CANCELLED,
    errors.Unauthenticated: StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: StatusCode.PERMISSION_DENIED,
    errors.ModelMismatch: StatusCode.FAILED_PRECONDITION,
    errors.RankLost: StatusCode.ABORTED,
    errors.InternalError: StatusCode.INTERNAL,
    errors.RunStopped: StatusCode.ABORTED,
    errors.TooManyFailures: StatusCode.ABORTED,
    errors.CostCapReached: StatusCode.RESOURCE_EXHAUSTED,
    errors.RunCancelled: StatusCode.ABORTED,
    errors.TrainingFailed: StatusCode.ABORTED,
}

HTTP: Mapping[StatusCode, int] = {
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.UNAUTHENTICATED: 401,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.NOT_FOUND: 404,
    StatusCode.FAILED_PRECONDITION: 409,
    StatusCode.ABORTED: 409,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.CANCELLED: 499,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.DEADLINE_EXCEEDED: 504,
}
"""What a face over HTTP answers with; 500 for every other code."""

# What gRPC itself answers, without ErrorInfo.
_TRANSPORT: Mapping[StatusCode, type[SynresError]] = {
    StatusCode.UNAVAILABLE: errors.ServiceUnavailable,
    # our calls are not cancelled by the client, so the server was stopped under them
    StatusCode.CANCELLED: errors.ServiceUnavailable,
    StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    # the message is over the size limit: the same message again will be too
    StatusCode.RESOURCE_EXHAUSTED: errors.InvalidInput,
    StatusCode.UNIMPLEMENTED: errors.InvalidInput,
}
_CLASSES = {kind.code: kind for kind in STATUS}


def code_of(error: SynresError) -> StatusCode:
    """The code of its class, or of the nearest one above that is in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def status_of(error: SynresError) -> status_pb2.Status:
    """Code, message (cut to MAX_MESSAGE_BYTES) and ErrorInfo; RetryInfo for Overloaded."""
    message = error.message.encode(errors="replace")[:MAX_MESSAGE_BYTES].decode(errors="ignore")
    status = status_pb2.Status(code=code_of(error).value[0], message=message)
    for detail in _details(error):
        status.details.add().Pack(detail)
    return status


def error_of(call: grpc.Call) -> SynresError:
    """The error that the service raised, or what the transport's code means; with the service's message."""
    status = rpc_status.from_call(call)
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status.details if status else ():
        _ = detail.Unpack(info) or detail.Unpack(retry)
    if info.domain == DOMAIN and info.reason in _CLASSES:
        return _build(_CLASSES[info.reason], str(call.details()), info.metadata, retry)
    kind = _TRANSPORT.get(call.code(), InternalError)
    return kind(f"{call.code().name}: {call.details()}")


def error_from_code(code: str, message: str, reason: str = "") -> SynresError:
    """The error of a class by its code, where an answer holds it instead of a status."""
    kind = _CLASSES.get(code, InternalError)
    return _build(kind, message, {"reason": reason, "key": message}, error_details_pb2.RetryInfo())


def _details(error: SynresError) -> Iterator[error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo]:
    yield error_details_pb2.ErrorInfo(reason=error.code, domain=DOMAIN, metadata=_metadata(error))
    if isinstance(error, Overloaded):
        delay = Duration()
        delay.FromNanoseconds(int(error.retry_after_s * 1e9))
        yield error_details_pb2.RetryInfo(retry_delay=delay)


def _metadata(error: SynresError) -> dict[str, str]:
    if isinstance(error, RejectedItem):
        return {"reason": error.reason}
    if isinstance(error, ArtifactMissing):
        return {"key": error.key}
    return {}


def _build(
    kind: type[SynresError], message: str, metadata: Mapping[str, str], retry: error_details_pb2.RetryInfo
) -> SynresError:
    if issubclass(kind, RejectedItem):
        return kind(metadata["reason"], message)
    if issubclass(kind, ArtifactMissing):
        return kind(metadata["key"])
    if issubclass(kind, Overloaded):
        return kind(message, retry.retry_delay.ToNanoseconds() / 1e9)
    return kind(message)
