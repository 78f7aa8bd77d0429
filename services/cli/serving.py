"""`up`: every service and a store on this machine."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from services.cli.console import err, out
from services.cli.options import Store
from synres.errors import InvalidInput

if TYPE_CHECKING:
    from services.allinone import LocalCluster
    from synres.settings import ServiceSettings

CHECK_S = 1.0


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command()(up)


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
    from synres.settings import ClientSettings, ServiceSettings, load_settings

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
            cluster = stack.enter_context(LocalCluster(settings, load_settings(ClientSettings), logs))
        _introduce(cluster, settings, s3)
        _stay(cluster)


def _introduce(cluster: LocalCluster, settings: ServiceSettings, s3: bool) -> None:
    table = Table("service", "address")
    for name in cluster.processes:
        table.add_row(name, cluster.address(name))
    out.print(table)
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
