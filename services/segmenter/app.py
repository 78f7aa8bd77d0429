"""The segmenter's composition root."""

from __future__ import annotations

from importlib.metadata import version

from services.segmenter import inference
from services.segmenter.backends import load_backend
from services.segmenter.online import Online
from services.segmenter.servicer import PUBLIC, SegmenterServicer
from services.segmenter.settings import SegmenterSettings
from services.segmenter.uploads import Uploads
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.rpc.calls import ModelCalls
from synres.rpc.segmenter.v1 import segmenter_pb2_grpc
from synres.rpc.server import Public, Server
from synres.stages.backends import LoadSegmenter, SegmenterBackends


def build(settings: SegmenterSettings, load: LoadSegmenter = load_backend) -> Server:
    """The server, not yet listening; `load` makes a backend."""
    online, servicer = build_online(settings, load)
    server = Server("synres.rpc.segmenter.v1.SegmenterService", settings, online.get_ready, _public(settings))
    segmenter_pb2_grpc.add_SegmenterServiceServicer_to_server(servicer, server.grpc)
    inference.add_to_server(inference.InferenceServicer(online, version("synres")), server.grpc)
    return server


def build_online(
    settings: SegmenterSettings, load: LoadSegmenter = load_backend
) -> tuple[Online, SegmenterServicer]:
    """The handler of all faces, and the stage calls beside it: they share models and turns."""
    store = open_store(settings.store_url, settings)
    ledger = Ledger(store)
    backends, calls = SegmenterBackends(ledger, load), ModelCalls("segmenter")
    online = Online(settings, backends, calls, Uploads(store))
    return online, SegmenterServicer(ledger, backends, calls, online)


def _public(settings: SegmenterSettings) -> Public:
    return Public(
        services=(inference.SERVICE,),
        methods=(*PUBLIC, f"/{inference.SERVICE}/"),
        max_calls=settings.segmenter_max_calls,
        is_guarded=settings.segmenter_keys is not None or settings.segmenter_auth == "off",
    )
