"""A real S3 server for tests: SeaweedFS from its wheel, on loopback, ended by its process."""

from __future__ import annotations

import json
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import SecretStr

from synres.errors import StoreError
from synres.ledger.s3_store import S3Store
from synres.settings import StoreSettings

ACCESS_KEY, SECRET_KEY = "test-access", "test-secret"
PORTS = ("master", "volume", "filer", "s3", "admin")
READY_S = 60.0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all held at once, so they differ."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def seaweedfs(folder: Path) -> Iterator[StoreSettings]:
    """Settings that reach a fresh server whose data lie in `folder`."""
    ports = free_ports(2 * len(PORTS))
    s3_port = ports[2 * PORTS.index("s3")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(_command(folder, ports), stdout=log, stderr=subprocess.STDOUT)
        try:
            settings = s3_settings(s3_port)
            _wait(process, settings, folder / "log")
            yield settings
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def s3_settings(port: int, access_key: str = ACCESS_KEY, timeout_s: float = 10.0) -> StoreSettings:
    """Settings for an S3 server on loopback."""
    return StoreSettings(
        s3_endpoint=f"127.0.0.1:{port}",
        s3_tls=False,
        s3_access_key=access_key,
        s3_secret_key=SecretStr(SECRET_KEY),
        s3_timeout_s=timeout_s,
    )


def _command(folder: Path, ports: list[int]) -> list[str]:
    keys = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
    admin = {"name": "admin", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [admin]}))
    (folder / "data").mkdir()
    weed = Path(sysconfig.get_path("scripts")) / "weed"
    options = [f"-{name}.port={port}" for name, port in zip(PORTS, ports[::2], strict=True)]
    options += [f"-{name}.port.grpc={port}" for name, port in zip(PORTS, ports[1::2], strict=True)]
    options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false", "-webdav=false"]
    loopback = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
    return [str(weed), "mini", f"-dir={folder / 'data'}", f"-s3.config={config}", *loopback, *options]


def _wait(process: subprocess.Popen[bytes], settings: StoreSettings, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            S3Store("ready", "", settings).put("probe", b"x")
            return
        except StoreError:
            time.sleep(0.1)
    raise RuntimeError(f"SeaweedFS did not come up: {log.read_text()[-2000:]}")
