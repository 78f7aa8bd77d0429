"""The segmenter's composition root."""

from __future__ import annotations

from services.segmenter.backends import load_backend
from services.segmenter.online import Online
from services.segmenter.servicer import SegmenterServicer
from services.segmenter.settings import SegmenterSettings
from services.segmenter.uploads import Uploads
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.rpc.calls import ModelCalls
from synres.rpc.segmenter.v1 import segmenter_pb2_grpc
from synres.rpc.server import Server
from synres.stages.backends import LoadSegmenter, SegmenterBackends


def build(settings: SegmenterSettings, load: LoadSegmenter = load_backend) -> Server:
    """The server, not yet listening; `load` makes a backend."""
    _online, servicer = build_online(settings, load)
    server = Server("synres.rpc.segmenter.v1.SegmenterService", settings)
    segmenter_pb2_grpc.add_SegmenterServiceServicer_to_server(servicer, server.grpc)
    return server


def build_online(
    settings: SegmenterSettings, load: LoadSegmenter = load_backend
) -> tuple[Online, SegmenterServicer]:
    """The handler of all faces, and the stage calls beside it: they share models and turns."""
    store = open_store(settings.store_url, settings)
    ledger = Ledger(store)
    backends, calls = SegmenterBackends(ledger, load), ModelCalls("segmenter")
    online = Online(settings, backends, calls, Uploads(store))
    return online, SegmenterServicer(ledger, backends, calls)
