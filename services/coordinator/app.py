"""The coordinator's composition root."""

from __future__ import annotations

import threading

from services.coordinator.census import Census
from services.coordinator.datasets import inside
from services.coordinator.desk import Desk
from services.coordinator.events import Event, Waiting
from services.coordinator.executor import SERVICE_OF, Executor
from services.coordinator.executors.grpc import GrpcExecutor
from services.coordinator.patience import patiently
from services.coordinator.servicer import CoordinatorServicer
from services.coordinator.settings import CoordinatorSettings
from synres import telemetry
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.rpc.coordinator.v1 import coordinator_pb2_grpc
from synres.rpc.server import Server

_PATIENCE_S = 240.0  # the chart's startup probe gives five minutes


class CoordinatorServer(Server):
    """Stops driving before it stops answering; counts meanwhile what other drivers leave to do."""

    def __init__(self, settings: CoordinatorSettings, desk: Desk) -> None:
        super().__init__("synres.rpc.coordinator.v1.CoordinatorService", settings)
        self._desk = desk
        self._census: Census | None = None

    def start(self) -> str:
        address = super().start()
        self._census = Census(self._desk.store, self._desk.driven, self._desk.count_others)
        return address

    def stop(self) -> None:
        if self._census:
            self._census.close()
        self._desk.close()
        super().stop()


def build(settings: CoordinatorSettings, executor: Executor | None = None) -> Server:
    """The server, not yet listening; runs that were submitted and are open go on at once."""
    store = open_store(settings.store_url, settings)
    desk = Desk(store, executor or _executor(settings, Ledger(store)), inside(settings.datasets_dir))
    # one that ended with its store away would be started again ever more slowly
    patiently(desk.resume, "the store", _PATIENCE_S, _log, threading.Event())
    server = CoordinatorServer(settings, desk)
    coordinator_pb2_grpc.add_CoordinatorServiceServicer_to_server(CoordinatorServicer(desk), server.grpc)
    return server


def _log(event: Event) -> None:
    if isinstance(event, Waiting):
        telemetry.log.warning("waiting", what=event.what, code=event.code, message=event.message)


def _executor(settings: CoordinatorSettings, ledger: Ledger) -> GrpcExecutor:
    services = (*SERVICE_OF.values(), "trainer")
    addresses = {name: str(getattr(settings, f"{name}_address")) for name in services}
    token = settings.token.get_secret_value() if settings.token else None
    return GrpcExecutor(ledger, addresses, token, settings.call_timeout_s)
