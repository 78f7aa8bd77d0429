"""What the channel itself asks again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from synres.errors import InvalidInput, SynresError
from synres.rpc.channel import Connection

NAMES = ("CANCELLED", "UNAVAILABLE")


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def connection(asked: list[str]) -> Iterator[Connection]:
    """To a server that ends the first call of each method by the status that is the method's name."""

    def answer(request: bytes, context: grpc.ServicerContext, name: str) -> bytes:
        asked.append(name)
        if asked.count(name) == 1:
            context.abort(grpc.StatusCode[name], "the first call")
        return request

    def handler(name: str) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(lambda request, context: answer(request, context, name))

    server = grpc.server(ThreadPoolExecutor(1))
    generic = grpc.method_handlers_generic_handler("test.Ends", {name: handler(name) for name in NAMES})
    server.add_generic_rpc_handlers((generic,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with Connection(f"127.0.0.1:{port}", timeout_s=60) as connection:
        yield connection
    server.stop(None).wait()


def test_what_a_stopping_server_had_not_begun_is_asked_again(
    connection: Connection, asked: list[str]
) -> None:
    """Such a server answers CANCELLED; a caller that cancels itself gets no answer at all."""
    assert connection.call(connection.channel.unary_unary("/test.Ends/CANCELLED"), b"picture") == b"picture"
    assert asked == ["CANCELLED", "CANCELLED"]


def test_what_is_unavailable_is_for_the_driver_to_repeat(connection: Connection, asked: list[str]) -> None:
    """It counts attempts: the call may be what killed the server."""
    with pytest.raises(SynresError, match="the first call"):
        connection.call(connection.channel.unary_unary("/test.Ends/UNAVAILABLE"), b"picture")
    assert asked == ["UNAVAILABLE"]


def test_a_web_address_is_told_from_one_of_grpc() -> None:
    """The playground's, copied from the browser: no call could ever come through."""
    with pytest.raises(InvalidInput, match="give host:port as the service prints it for gRPC"):
        Connection("http://127.0.0.1:8053/")
