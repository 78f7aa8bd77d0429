"""The segmenter's composition root."""

from __future__ import annotations

from services.segmenter.backends import load_backend
from services.segmenter.servicer import SegmenterServicer
from services.segmenter.settings import SegmenterSettings
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.rpc.segmenter.v1 import segmenter_pb2_grpc
from synres.rpc.server import Server
from synres.stages.backends import LoadSegmenter, SegmenterBackends


def build(settings: SegmenterSettings, load: LoadSegmenter = load_backend) -> Server:
    """The server, not yet listening; `load` makes a backend."""
    ledger = Ledger(open_store(settings.store_url, settings))
    servicer = SegmenterServicer(ledger, SegmenterBackends(ledger, load))
    server = Server("synres.rpc.segmenter.v1.SegmenterService", settings)
    segmenter_pb2_grpc.add_SegmenterServiceServicer_to_server(servicer, server.grpc)
    return server
