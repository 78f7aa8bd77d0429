"""Many pods behind one name: who is called, who is passed over, and what a coming and going costs."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from synres.errors import ServiceUnavailable
from synres.rpc.channel import Connection
from synres.rpc.replicas import NoReplica, Replicas, resolve
from synres.rpc.server import Server
from synres.settings import ServiceSettings

SERVICE = "synres.rpc.segmenter.v1.SegmenterService"


class Pods:
    """Servers that have nothing but health, and a name for those that are ready."""

    def __init__(self, stack: ExitStack) -> None:
        self.ready: list[str] = []
        self._stack, self._servers = stack, dict[str, Server]()

    def start(self, address: str = "127.0.0.1:0", drain_delay_s: float = 0.0) -> str:
        server = Server(SERVICE, ServiceSettings(listen=address, grace_s=0, drain_delay_s=drain_delay_s))
        address = self._stack.enter_context(server)
        self._servers[address] = server
        self.ready.append(address)
        return address

    def kill(self, address: str) -> None:
        """The name still knows it."""
        self._servers.pop(address).stop()

    def drain(self, address: str) -> None:
        """It says so, and serves on for its delay."""
        threading.Thread(target=self._servers.pop(address).stop, daemon=True).start()

    def resolve(self, name: str) -> list[str]:
        """Raises OSError while there is none, as DNS does."""
        if not self.ready:
            raise OSError(f"{name}: unknown")
        return list(self.ready)


@pytest.fixture
def pods() -> Iterator[Pods]:
    with ExitStack() as stack:
        yield Pods(stack)


@contextmanager
def _replicas(pods: Pods) -> Iterator[Replicas[Connection]]:
    """Looks every 20 ms."""
    replicas = Replicas("segmenter:1", Connection, pods.resolve, look_s=0.02)
    try:
        yield replicas
    finally:
        replicas.close()


def _who(replicas: Replicas[Connection]) -> str:
    with replicas.least_busy() as client:
        return client.address


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_calls_go_where_the_fewest_are_under_way(pods: Pods) -> None:
    """Eight calls at once on four pods are two on each; what comes free is used next."""
    for _ in range(4):
        pods.start()
    with _replicas(pods) as replicas, ExitStack() as calls:
        busy = Counter(calls.enter_context(replicas.least_busy()).address for _ in range(8))
        assert set(busy.values()) == {2}
        with replicas.least_busy() as client:
            third = client.address
            assert _who(replicas) != third
    with _replicas(pods) as replicas:
        assert len({_who(replicas) for _ in range(4)}) == 4


def test_a_new_pod_is_used_as_soon_as_the_name_knows_it(pods: Pods) -> None:
    """Calls under way stay where they are, the next one goes there."""
    first = pods.start()
    with _replicas(pods) as replicas, replicas.least_busy() as busy:
        assert busy.address == first
        second = pods.start()
        _wait_until(lambda: _who(replicas) == second)


def test_a_dead_pod_is_passed_over_until_it_is_back(pods: Pods) -> None:
    """Though the name still knows it; with nobody else there, nothing is sent at all."""
    dead, other = pods.start(), pods.start()
    with _replicas(pods) as replicas:
        pods.kill(dead)
        _wait_until(lambda: {_who(replicas) for _ in range(4)} == {other})
        pods.kill(other)
        _wait_until(lambda: replicas.ready() == 0)
        with (
            pytest.raises(NoReplica, match="at segmenter:1, 2 addresses"),
            replicas.least_busy(),
        ):
            pass
        pods.start(dead)
        _wait_until(replicas.ready)
        assert _who(replicas) == dead


def test_a_pod_that_drains_gets_no_new_calls(pods: Pods) -> None:
    """Its health says so before the name forgets it; its calls under way are left alone."""
    draining, other = pods.start(drain_delay_s=1.0), pods.start()
    with _replicas(pods) as replicas, ExitStack() as calls:
        clients = [calls.enter_context(replicas.least_busy()) for _ in range(2)]
        assert {client.address for client in clients} == {draining, other}
        pods.drain(draining)
        _wait_until(lambda: {_who(replicas) for _ in range(4)} == {other})


def test_a_pod_that_failed_a_call_is_asked_for_its_health_first(pods: Pods) -> None:
    """Until it says that it serves, nothing is sent there."""
    first = pods.start()
    with closing(Replicas("segmenter:1", Connection, pods.resolve, look_s=60)) as replicas:
        with pytest.raises(ServiceUnavailable), replicas.least_busy() as client:
            assert client.address == first
            raise ServiceUnavailable("died")
        with pytest.raises(NoReplica), replicas.least_busy():
            pass


def test_a_call_that_a_leaving_pod_cuts_blames_nobody(pods: Pods) -> None:
    """It had said that it goes. One that dies without a word may have died of the call."""
    draining = pods.start(drain_delay_s=2.0)
    with _replicas(pods) as replicas:
        with pytest.raises(NoReplica, match=f"{draining} went away: cut"), replicas.least_busy():
            pods.drain(draining)
            _wait_until(lambda: replicas.ready() == 0)
            raise ServiceUnavailable("cut")
        dying = pods.start()
        _wait_until(lambda: replicas.ready() == 1)
        with pytest.raises(ServiceUnavailable) as caught, replicas.least_busy():
            pods.kill(dying)
            _wait_until(lambda: replicas.ready() == 0)
            raise ServiceUnavailable("died")
        assert not isinstance(caught.value, NoReplica)


def test_a_pod_that_leaves_the_name_ends_its_calls_in_peace(pods: Pods) -> None:
    """It gets no new ones, and its channel is closed after the last."""
    pods.start()
    with _replicas(pods) as replicas:
        with replicas.least_busy() as client:
            pods.ready.clear()
            assert _who(replicas) == client.address
            other = pods.start()
            _wait_until(lambda: {_who(replicas) for _ in range(4)} == {other})
            assert client.is_serving()
        _wait_until(lambda: _is_closed(client))


def _is_closed(client: Connection) -> bool:
    try:
        client.is_serving()
    except ValueError:
        return True
    return False


def test_nobody_is_there_before_the_first_pod(pods: Pods) -> None:
    """A stage that sleeps at zero pods is waited for, and found when it wakes."""
    with _replicas(pods) as replicas:
        assert replicas.ready() == 0
        with pytest.raises(NoReplica), replicas.least_busy():
            pass
        first = pods.start()
        _wait_until(replicas.ready)
        assert _who(replicas) == first


def test_names_become_addresses() -> None:
    """By the system's resolver; lists are taken as they are."""
    assert "127.0.0.1:50053" in resolve("localhost:50053")
    assert resolve("dns:///127.0.0.1:7") == ["127.0.0.1:7"]
    assert resolve("[::1]:7") == ["[::1]:7"]
    assert resolve("ipv4:127.0.0.1:7,127.0.0.1:8") == ["127.0.0.1:7", "127.0.0.1:8"]


def test_a_name_that_can_be_none_is_nobody() -> None:
    """It is told, where the thread that looks it up would end and every caller wait for ever."""
    with closing(Replicas("a..b:1", Connection)) as replicas:
        assert replicas.ready() == 0
        with pytest.raises(NoReplica, match="nobody is ready"), replicas.least_busy():
            pass
