"""All pods behind one name: each call goes to the one with the fewest calls under way.

A headless Service's name resolves to the pods that are ready. A thread looks the name up again and again, so
a new pod is used as soon as DNS knows it; and it asks each pod's health, so one that died or drains is passed
over though DNS still knows it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from synres.errors import ServiceUnavailable
from synres.rpc.channel import Connection

Client = TypeVar("Client", bound=Connection)
Resolve = Callable[[str], Collection[str]]
"""host:port -> the addresses behind it. May raise OSError, and UnicodeError for what is no name."""

_LOOK_S = 1.0
_HEALTH_S = 3.0
_SAYS = health_pb2.HealthCheckResponse


class NoReplica(ServiceUnavailable):
    """Nobody is there to be called, or who was called had said before that it goes: no call is to blame."""


def resolve(address: str) -> list[str]:
    """By DNS; `ipv4:` and a list is taken as it is. Raises OSError or UnicodeError."""
    if address.startswith("ipv4:"):
        return address.removeprefix("ipv4:").split(",")
    host, _, port = address.removeprefix("dns:///").rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    hosts = dict.fromkeys(str(entry[4][0]) for entry in found)
    return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts]


class _Replica(Generic[Client]):
    """One pod. `serves` is what its health last said; False as soon as a call finds it unavailable.

    `leaves` once it said itself that it does not serve, or its name let go of it.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.in_flight, self.served = 0, 0
        self.serves, self.leaves = False, False
        self._health = health_pb2_grpc.HealthStub(client.channel)

    def rank(self) -> tuple[bool, int, int]:
        """The lowest is called first."""
        return not self.serves, self.in_flight, self.served

    def ask_health(self) -> Any:
        """The answer to come."""
        return self._health.Check.future(health_pb2.HealthCheckRequest(), timeout=_HEALTH_S)

    def hear(self, answer: Any) -> None:
        """Waits for it."""
        try:
            status = answer.result().status
        except (grpc.RpcError, grpc.FutureCancelledError):
            # it may have died under a call, and its silence excuses nobody
            self.serves = False
        else:
            self.serves, self.leaves = status == _SAYS.SERVING, status != _SAYS.SERVING


class Replicas(Generic[Client]):
    """Safe to share between threads; `close` ends its own. `connect` makes the client of one address."""

    def __init__(
        self,
        address: str,
        connect: Callable[[str], Client],
        resolve: Resolve = resolve,
        look_s: float = _LOOK_S,
    ) -> None:
        self._address, self._connect, self._resolve, self._look_s = address, connect, resolve, look_s
        self._known: dict[str, _Replica[Client]] = {}
        self._leaving: list[_Replica[Client]] = []
        self._lock, self._looked, self._closed = threading.Lock(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @contextmanager
    def least_busy(self) -> Iterator[Client]:
        """A client for one call. Raises NoReplica if nobody serves, or if it goes and cuts the call."""
        self._looked.wait()
        replica = self._take()
        try:
            yield replica.client
        except ServiceUnavailable as error:
            replica.serves = False
            if replica.leaves:
                raise NoReplica(f"{replica.client.address} went away: {error.message}") from error
            raise
        finally:
            with self._lock:
                replica.in_flight -= 1

    def ready(self) -> int:
        """How many serve."""
        self._looked.wait()
        with self._lock:
            return sum(replica.serves for replica in self._known.values())

    def close(self) -> None:
        """Closes every channel; calls under way end."""
        self._closed.set()
        self._thread.join()
        for replica in (*self._known.values(), *self._leaving):
            replica.client.close()

    def _take(self) -> _Replica[Client]:
        with self._lock:
            best = min(self._known.values(), key=_Replica.rank, default=None)
            if best is None or not best.serves:
                raise NoReplica(self._nobody())
            best.in_flight += 1
            best.served += 1
            return best

    def _nobody(self) -> str:
        known = f"{len(self._known)} addresses are known" if self._known else "the name has no address yet"
        return f"nobody is ready at {self._address}, {known}"

    def _watch(self) -> None:
        while not self._closed.is_set():
            self._look()
            self._looked.set()
            self._closed.wait(self._look_s)

    def _look(self) -> None:
        try:
            addresses = self._resolve(self._address)
        except (OSError, UnicodeError):
            # no name while no pod is ready, or no DNS: those that are known may still be there
            addresses = list(self._known)
        found = {a: self._known.get(a) or _Replica(self._connect(a)) for a in addresses}
        asked = [(replica, replica.ask_health()) for replica in found.values()]
        for replica, answer in asked:
            replica.hear(answer)
        with self._lock:
            for replica in (replica for address, replica in self._known.items() if address not in found):
                replica.leaves = True
                self._leaving.append(replica)
            self._known = found
            idle = [replica for replica in self._leaving if not replica.in_flight]
            self._leaving = [replica for replica in self._leaving if replica.in_flight]
        for replica in idle:
            replica.client.close()
