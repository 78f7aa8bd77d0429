"""`up`: every service and a store on this machine; `serve`: the segmenter alone, with its playground."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from services.cli.console import err, out
from services.cli.options import Model, Option, Store, chosen
from synres.errors import InvalidInput, SynresError

if TYPE_CHECKING:
    from services.allinone import LocalCluster
    from synres.domain.choice import BackendChoice
    from synres.ports import Segmenter
    from synres.settings import ClientSettings, ServiceSettings

CHECK_S = 1.0
PLAYGROUND = "127.0.0.1:8053"


def register(app: typer.Typer) -> None:
    """Adds the commands to `app`."""
    app.command()(up)
    app.command()(serve)


def up(
    s3: Annotated[
        bool, typer.Option("--s3", help="Start a SeaweedFS server and keep artifacts there.")
    ] = False,
    logs: Annotated[Path, typer.Option(help="Where the services log to.")] = Path("synres-logs"),
    store: Store = None,
) -> None:
    """Start all services on loopback, with a local store, until Ctrl-C.

    In another terminal: `synres run configs/micro.yaml --executor grpc`.
    """
    from services.allinone import LocalCluster, local_s3
    from services.segmenter.settings import SegmenterSettings
    from synres.settings import ServiceSettings, load_settings

    if load_settings(SegmenterSettings).segmenter_tls_certificate:
        raise InvalidInput(
            "SYNRES_SEGMENTER_TLS_CERTIFICATE: `synres up` keeps to this machine, and its services call each "
            "other without TLS: unset it, or serve the segmenter alone by `synres serve`"
        )
    settings = load_settings(ServiceSettings)
    if store:
        settings = settings.model_copy(update={"store_url": store})
    if s3 and "://" in settings.store_url:
        raise InvalidInput(f"--s3 keeps its data in a folder: give one as --store, not {settings.store_url}")
    signal.signal(signal.SIGTERM, _interrupt)
    with ExitStack() as stack:
        if s3:
            reached = stack.enter_context(local_s3(Path(settings.store_url)))
            settings = settings.model_copy(update=dict(reached))
        with err.status("starting the services"):
            cluster = stack.enter_context(LocalCluster(settings, _addresses(), logs))
        _introduce(cluster, settings, s3)
        _stay(cluster)


def serve(
    backend: Annotated[str, typer.Option(help="The segmenter's backend.")] = "micro",
    model: Model = "",
    option: Option = [],  # noqa: B006
    listen: Annotated[str, typer.Option(help="host:port of the playground and REST.")] = PLAYGROUND,
    keys: Annotated[
        Path | None, typer.Option(help="File of API keys, a line of `synres keys new` for each.")
    ] = None,
    store: Store = None,
) -> None:
    """Serve one segmenter: a playground for the browser, REST and gRPC, until Ctrl-C."""
    from services.segmenter.app import build
    from services.segmenter.memory import keep_heap
    from services.segmenter.settings import SegmenterSettings
    from synres import telemetry
    from synres.settings import load_settings

    choice = chosen(backend, model, option)
    given = {
        "segmenter_backend": choice.backend,
        "segmenter_model": choice.model,
        "segmenter_options": dict(choice.options),
        "segmenter_http_listen": listen,
        "segmenter_keys": keys,
        "store_url": store,
        "log_level": "warning",
    }
    settings = load_settings(SegmenterSettings).model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    telemetry.configure("segmenter", settings)
    keep_heap()
    signal.signal(signal.SIGTERM, _interrupt)
    scheme = "https" if settings.segmenter_tls_certificate else "http"
    first = _FirstLoad(choice)
    with build(settings, first.load) as address:
        out.print(f"playground: {scheme}://{listen}/", markup=False, highlight=False)
        out.print(f"gRPC: {address}", markup=False, highlight=False)
        out.print("ready when the page says so; Ctrl-C stops it", highlight=False)
        with suppress(KeyboardInterrupt):
            first.failed.wait()
        err.print("stopping: calls under way are finished")
    if first.error:
        raise first.error


class _FirstLoad:
    """Whoever typed a wrong name waits at the terminal: there is no use in a server without its model."""

    def __init__(self, served: BackendChoice) -> None:
        self._served = served
        self.failed = threading.Event()
        self.error: SynresError | None = None

    def load(self, choice: BackendChoice, weights: bytes | None = None) -> Segmenter:
        """As `load_backend`; keeps what it raises for the served model."""
        from services.segmenter.backends import load_backend

        try:
            return load_backend(choice, weights)
        except SynresError as error:
            if choice == self._served and weights is None:
                self.error = error
                self.failed.set()
            raise


def _addresses() -> ClientSettings:
    """With the playground, unless somebody has another place for it."""
    from synres.settings import ClientSettings, load_settings

    clients = load_settings(ClientSettings)
    return clients.model_copy(update={"segmenter_http_listen": clients.segmenter_http_listen or PLAYGROUND})


def _introduce(cluster: LocalCluster, settings: ServiceSettings, s3: bool) -> None:
    table = Table("service", "address")
    for name in cluster.processes:
        table.add_row(name, cluster.address(name))
    out.print(table)
    out.print(f"playground: http://{cluster.clients.segmenter_http_listen}/", markup=False, highlight=False)
    out.print(f"store: {settings.store_url}", markup=False, highlight=False)
    if s3 and settings.s3_secret_key:
        out.print("For other terminals:", highlight=False)
        secret = settings.s3_secret_key.get_secret_value()
        out.print(f"  export SYNRES_STORE_URL={settings.store_url} SYNRES_S3_ENDPOINT={settings.s3_endpoint}"
                  f" SYNRES_S3_TLS=false SYNRES_S3_ACCESS_KEY={settings.s3_access_key}"
                  f" SYNRES_S3_SECRET_KEY={secret}", highlight=False, soft_wrap=True)  # fmt: skip
    out.print("ready; Ctrl-C stops everything", highlight=False)


def _stay(cluster: LocalCluster) -> None:
    try:
        while True:
            time.sleep(CHECK_S)
            for told in cluster.revive():
                err.print(told, style="yellow", markup=False, highlight=False, soft_wrap=True)
    except KeyboardInterrupt:
        err.print("stopping: calls under way are finished")


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt
