"""The grouper's composition root."""

from __future__ import annotations

from collections.abc import Callable

from services.grouper.backends import load_backend
from services.grouper.servicer import GrouperServicer
from services.grouper.settings import GrouperSettings
from synres.domain.choice import BackendChoice
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.ports import Grouper
from synres.rpc.grouper.v1 import grouper_pb2_grpc
from synres.rpc.server import Server
from synres.stages.backends import Backends


def build(settings: GrouperSettings, load: Callable[[BackendChoice], Grouper] = load_backend) -> Server:
    """The server, not yet listening; `load` makes a backend."""
    ledger = Ledger(open_store(settings.store_url, settings))
    servicer = GrouperServicer(ledger, Backends(load))
    server = Server("synres.rpc.grouper.v1.GrouperService", settings)
    grouper_pb2_grpc.add_GrouperServiceServicer_to_server(servicer, server.grpc)
    return server
