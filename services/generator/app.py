"""The generator's composition root."""

from __future__ import annotations

from collections.abc import Callable

from services.generator.backends import load_backend
from services.generator.servicer import GeneratorServicer
from services.generator.settings import GeneratorSettings, TritonSettings
from synres.domain.choice import BackendChoice
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.ports import ImageGenerator
from synres.rpc.generator.v1 import generator_pb2_grpc
from synres.rpc.server import Server
from synres.settings import load_settings
from synres.stages.backends import Backends


def build(
    settings: GeneratorSettings, load: Callable[[BackendChoice], ImageGenerator] = load_backend
) -> Server:
    """The server, not yet listening; `load` makes a backend."""
    ledger = Ledger(open_store(settings.store_url, settings))
    servicer = GeneratorServicer(ledger, Backends(load))
    server = Server("synres.rpc.generator.v1.GeneratorService", settings, _readiness())
    generator_pb2_grpc.add_GeneratorServiceServicer_to_server(servicer, server.grpc)
    return server


def _readiness() -> Callable[[], bool] | None:
    """A generator in front of a Triton is ready while Triton is."""
    settings = load_settings(TritonSettings)
    if not settings.triton_address:
        return None
    from services.generator.triton_client import TritonClient

    return TritonClient(settings.triton_model, settings).is_ready
