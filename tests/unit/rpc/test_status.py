"""The error table: nothing unmapped, nothing lost on the way."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from synres.errors import (
    ArtifactMissing,
    InternalError,
    InvalidInput,
    Overloaded,
    RejectedItem,
    ServiceUnavailable,
    SynresError,
)
from synres.rpc.status import DOMAIN, STATUS, error_of, status_of


def _tree(kind: type[SynresError]) -> Iterator[type[SynresError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


CLASSES = [kind for kind in _tree(SynresError) if kind.__module__ == "synres.errors"]


def _example(kind: type[SynresError]) -> SynresError:
    if issubclass(kind, RejectedItem):
        return kind("empty_mask", "no pixel")
    if issubclass(kind, Overloaded):
        return kind("full", retry_after_s=2.5)
    return kind("something about ü")


class _Call:
    """An ended call as the client sees it."""

    def __init__(
        self, code: grpc.StatusCode, details: str, metadata: tuple[tuple[str, bytes], ...] = ()
    ) -> None:
        self._code, self._details, self._metadata = code, details, metadata

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return self._metadata


def _travel(error: SynresError) -> SynresError:
    status = rpc_status.to_status(status_of(error))
    return error_of(_Call(status.code, status.details, status.trailing_metadata))


def test_every_error_class_has_a_status_and_a_code_of_its_own() -> None:
    """An unmapped class would fail in the error handler itself."""
    assert set(STATUS) == set(CLASSES)
    assert len({kind.code for kind in CLASSES}) == len(CLASSES)
    assert all(code is not grpc.StatusCode.OK for code in STATUS.values())


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_arrives_as_what_it_was(kind: type[SynresError]) -> None:
    """Class, message and extra facts survive the wire."""
    sent = _example(kind)
    received = _travel(sent)
    assert type(received) is kind
    assert vars(received) == vars(sent)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_status_carries_exactly_one_error_info(kind: type[SynresError]) -> None:
    """Clients in other languages branch on ErrorInfo's reason."""
    info = error_details_pb2.ErrorInfo()
    found = [detail for detail in status_of(_example(kind)).details if detail.Unpack(info)]
    assert len(found) == 1
    assert (info.reason, info.domain) == (kind.code, DOMAIN)


def test_overload_says_when_to_return() -> None:
    """RetryInfo is what other clients honour."""
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in status_of(Overloaded("full", 0.25)).details)
    assert retry.retry_delay.ToTimedelta().total_seconds() == 0.25


def test_a_missing_artifact_keeps_its_key() -> None:
    """The driver recomputes what made that key."""
    received = _travel(ArtifactMissing("cas/sha256/ab/abc"))
    assert isinstance(received, ArtifactMissing)
    assert received.key == "cas/sha256/ab/abc"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, ServiceUnavailable),
        (grpc.StatusCode.CANCELLED, ServiceUnavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, InvalidInput),
        (grpc.StatusCode.UNKNOWN, InternalError),
    ],
)
def test_what_the_transport_says_has_a_class_too(code: grpc.StatusCode, kind: type[SynresError]) -> None:
    """gRPC's own failures carry no ErrorInfo."""
    error = error_of(_Call(code, "socket closed"))
    assert type(error) is kind
    assert "socket closed" in error.message
