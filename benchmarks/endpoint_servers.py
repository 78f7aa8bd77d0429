"""The servers that benchmarks/endpoint.py compares, each on one core; and how to call each."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import grpc
import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from benchmarks.endpoint_model import EXPRESSION
from services.allinone import free_ports
from synres.rpc.segmenter.v1 import segmenter_pb2, segmenter_pb2_grpc
from tests.triton_server import command, environment, write_backend

SERVER_CORE, CALLER_CORE = 1, 0
READY_S = 180.0
SERVER = os.environ | {"SYNRES_ENCODING_CACHE_BYTES": "0", "OMP_NUM_THREADS": "1"}
Call = Callable[[bytes], object]
_NOT_YET = (OSError, AssertionError, grpc.RpcError, InferenceServerException, http.client.HTTPException)
_FORM = b"".join(
    b"--xx\r\nContent-Disposition: form-data; name=%s\r\n\r\n%s" % part
    for part in ((b'"expressions"', EXPRESSION.encode() + b"\r\n"), (b'"image"; filename="a.jpg"', b""))
)
_HEADERS = {"Content-Type": "multipart/form-data; boundary=xx"}


@contextmanager
def running(arguments: list[str], log: TextIO, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process on the server's core, that does not keep encodings unless `settings` say so."""
    pinned = ["taskset", "--cpu-list", str(SERVER_CORE), *arguments]
    process = subprocess.Popen(pinned, env=SERVER | settings, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        # LitServe and Triton have processes of their own
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def segmenter(folder: Path, **settings: str) -> Iterator[tuple[int, str, str]]:
    """Ours: its process id, and where gRPC and HTTP listen."""
    grpc_at, http_at = (f"127.0.0.1:{port}" for port in free_ports(2))
    places = {"SYNRES_LISTEN": grpc_at, "SYNRES_SEGMENTER_HTTP_LISTEN": http_at}
    places["SYNRES_STORE_URL"] = str(folder / "store")
    arguments = [sys.executable, "-m", "services.segmenter"]
    with (
        (folder / "segmenter.log").open("w") as log,
        running(arguments, log, **(places | settings)) as process,
    ):
        yield process.pid, grpc_at, http_at


@contextmanager
def litserve(python: str, folder: Path) -> Iterator[str]:
    """Where it listens."""
    (port,) = free_ports(1)
    arguments = [python, "-m", "benchmarks.endpoint_litserve", str(port)]
    with (folder / "litserve.log").open("w") as log, running(arguments, log):
        yield f"127.0.0.1:{port}"


@contextmanager
def triton(folder: Path) -> Iterator[str]:
    """Where its gRPC listens."""
    ports = free_ports(3)
    shutil.copytree(Path(__file__).with_name("endpoint_triton"), folder / "repository")
    write_backend(folder)
    with (
        (folder / "triton.log").open("w") as log,
        running(command(folder, ports, f"synres-bench-{ports[0]}"), log, **environment()),
    ):
        yield f"127.0.0.1:{ports[0]}"


def grpc_call(address: str, expression: str = EXPRESSION) -> Call:
    stub: Any = segmenter_pb2_grpc.SegmenterServiceStub(grpc.insecure_channel(address))
    return lambda file: stub.Segment(
        segmenter_pb2.SegmentRequest(image=file, expressions=[expression]), timeout=120
    )


def rest_call(address: str) -> Call:
    return _http_call(address, "/v1/segment", lambda file: _FORM + file + b"\r\n--xx--\r\n", _HEADERS)


def litserve_call(address: str) -> Call:
    body = lambda file: json.dumps({"image": base64.b64encode(file).decode()}).encode()
    return _http_call(address, "/predict", body, {"Content-Type": "application/json"})


def triton_call(address: str) -> Call:
    client = InferenceServerClient(address)

    def call(file: bytes) -> object:
        tensor = InferInput("IMAGE", [1, 1], "BYTES")
        tensor.set_data_from_numpy(np.array([[file]], object))
        return client.infer("micro", [tensor], client_timeout=120).as_numpy("MASKS")

    return call


def wait_for(call: Call, file: bytes) -> None:
    """Until it answers."""
    over_s = time.monotonic() + READY_S
    while time.monotonic() < over_s:
        with suppress(
            OSError, AssertionError, grpc.RpcError, InferenceServerException, http.client.HTTPException
        ):
            call(file)
            return
        time.sleep(0.5)
    raise TimeoutError(f"no server answered in {READY_S:.0f} s")


def _http_call(address: str, path: str, body: Callable[[bytes], bytes], headers: dict[str, str]) -> Call:
    own = threading.local()

    def ask(connection: http.client.HTTPConnection, file: bytes) -> bytes:
        connection.request("POST", path, body(file), headers)
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 200, data
        return data

    def call(file: bytes) -> bytes:
        with suppress(AttributeError, OSError, http.client.HTTPException):
            return ask(own.connection, file)
        # the first call of a thread, or the server has closed what was idle between two rounds
        own.connection = http.client.HTTPConnection(address, timeout=120)
        return ask(own.connection, file)

    return call
