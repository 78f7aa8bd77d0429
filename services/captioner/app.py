"""The captioner's composition root."""

from __future__ import annotations

from collections.abc import Callable

from services.captioner.backends import load_aligner, load_backend
from services.captioner.servicer import CaptionerServicer
from services.captioner.settings import CaptionerSettings
from synres.domain.choice import BackendChoice
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.ports import Aligner, Captioner
from synres.rpc.captioner.v1 import captioner_pb2_grpc
from synres.rpc.server import Server
from synres.stages.backends import Backends


def build(
    settings: CaptionerSettings,
    load: Callable[[BackendChoice], Captioner] = load_backend,
    load_scorer: Callable[[BackendChoice], Aligner] = load_aligner,
) -> Server:
    """The server, not yet listening; `load` makes a captioner, `load_scorer` an aligner."""
    ledger = Ledger(open_store(settings.store_url, settings))
    servicer = CaptionerServicer(ledger, Backends(load), Backends(load_scorer))
    server = Server("synres.rpc.captioner.v1.CaptionerService", settings)
    captioner_pb2_grpc.add_CaptionerServiceServicer_to_server(servicer, server.grpc)
    return server
