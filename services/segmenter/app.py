"""The segmenter's composition root."""

from __future__ import annotations

import ssl
from importlib.metadata import version
from pathlib import Path

from services.segmenter import inference
from services.segmenter.backends import load_backend
from services.segmenter.online import Online
from services.segmenter.servicer import PUBLIC, SegmenterServicer
from services.segmenter.settings import SegmenterSettings
from services.segmenter.uploads import Uploads
from services.segmenter.web.face import HttpFace
from services.segmenter.web.routes import build_app
from synres.errors import SettingInvalid
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.rpc.calls import ModelCalls
from synres.rpc.segmenter.v1 import segmenter_pb2_grpc
from synres.rpc.server import Public, Server, is_loopback
from synres.stages.backends import LoadSegmenter, SegmenterBackends


def build(settings: SegmenterSettings, load: LoadSegmenter = load_backend) -> Server:
    """The server, not yet listening; `load` makes a backend."""
    online, servicer = build_online(settings, load)
    server = Server("synres.rpc.segmenter.v1.SegmenterService", settings, online.get_ready, _public(settings))
    segmenter_pb2_grpc.add_SegmenterServiceServicer_to_server(servicer, server.grpc)
    inference.add_to_server(inference.InferenceServicer(online, version("synres")), server.grpc)
    if settings.segmenter_http_listen:
        server.faces.append(_http(settings.segmenter_http_listen, online, server))
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


def _http(listen: str, online: Online, server: Server) -> HttpFace:
    is_guarded = online.needs_key or online.settings.segmenter_auth == "off"
    if not is_guarded and not is_loopback(listen.rpartition(":")[0]):
        raise SettingInvalid(
            f"SYNRES_SEGMENTER_KEYS is needed to serve HTTP on {listen}; loopback may go without, or set "
            "SYNRES_SEGMENTER_AUTH=off to let everybody in"
        )
    app = build_app(online, lambda: online.is_ready() and not server.is_stopping)
    return HttpFace(app, listen, certificate=_certificate(online.settings))


def _public(settings: SegmenterSettings) -> Public:
    return Public(
        services=(inference.SERVICE,),
        methods=(*PUBLIC, f"/{inference.SERVICE}/"),
        max_calls=settings.segmenter_max_calls,
        is_guarded=settings.segmenter_keys is not None or settings.segmenter_auth == "off",
        certificate=_read(_certificate(settings)),
    )


def _certificate(settings: SegmenterSettings) -> tuple[Path, Path] | None:
    """Private key and certificate chain; raises SettingInvalid for one without the other."""
    key, chain = settings.segmenter_tls_key, settings.segmenter_tls_certificate
    if (key is None) != (chain is None):
        raise SettingInvalid(
            "SYNRES_SEGMENTER_TLS_CERTIFICATE and SYNRES_SEGMENTER_TLS_KEY go together: give both, or neither"
        )
    return (key, chain) if key and chain else None


def _read(certificate: tuple[Path, Path] | None) -> tuple[bytes, bytes] | None:
    if certificate is None:
        return None
    key, chain = certificate
    try:
        # gRPC would say of a broken one that its port is taken; an encrypted key would be asked about
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(chain, key, password="")
        return key.read_bytes(), chain.read_bytes()
    except OSError as error:
        raise SettingInvalid(
            f"SYNRES_SEGMENTER_TLS_CERTIFICATE, SYNRES_SEGMENTER_TLS_KEY: {chain} and {key} "
            f"cannot be used: {error}; give a chain in PEM and its own private key, not encrypted"
        ) from error
