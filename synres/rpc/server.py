"""One server for every app: guard, health, reflection by flag, and a drain on SIGTERM."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from synres import telemetry
from synres.errors import SettingInvalid, SynresError
from synres.rpc.interceptor import Admission, Guard
from synres.rpc.reading import Reading
from synres.settings import ServiceSettings, load_settings

Settings = TypeVar("Settings", bound=ServiceSettings)

_READINESS_S = 1.0
_LIVE = "live"  # the health of the process alone, for who would start it anew
_SPARE_THREADS = 4  # for health checks, and to tell callers that the service is full


class Face(Protocol):
    """Another protocol of the same service, in the same process: it starts, drains and stops with it."""

    def start(self) -> None:
        """Listens. Raises SettingInvalid when it cannot."""

    def stop(self, grace_s: float) -> None:
        """Takes no new calls; returns when those under way have ended, or after `grace_s`."""


@dataclass(frozen=True, slots=True)
class Public:
    """What a service answers to others than the coordinator, and guards itself.

    `services`: further full proto names; `methods`: as the `Guard` takes them; `max_calls` of them at a time;
    `is_guarded`: no caller comes in unknown, or somebody said that any may; `certificate`: private key and
    certificate chain in PEM, with which the whole server speaks TLS.
    """

    services: Sequence[str] = ()
    methods: Sequence[str] = ()
    max_calls: int = 0
    is_guarded: bool = False
    certificate: tuple[bytes, bytes] | None = None


_NOTHING = Public()


class Server:
    """Add servicers to `grpc` and other protocols to `faces`, then `run()`, or use it as a context manager.

    `service` is the full proto name; `is_ready` is asked every second, for a service that is of no
    use before its model is warm, or without another server behind it. Raises SettingInvalid without a token
    beyond loopback, unless all that is `public` has a guard of its own.
    """

    def __init__(
        self,
        service: str,
        settings: ServiceSettings,
        is_ready: Callable[[], bool] | None = None,
        public: Public = _NOTHING,
    ) -> None:
        is_open = is_loopback(settings.listen.rpartition(":")[0])
        if not is_open and not public.is_guarded:
            _require_token(settings)
        self._settings, self.is_ready, self._public = settings, is_ready, public
        self._watcher: threading.Thread | None = None
        self._stopped, self._ended = threading.Event(), threading.Event()
        self.faces: list[Face] = []
        self._reading = Reading(public.max_calls)
        self._names = [health.OVERALL_HEALTH, service, *public.services]
        token = settings.token.get_secret_value() if settings.token else None
        self.grpc = grpc.server(
            # of the public calls so many work, and so many more may still be sending their message
            ThreadPoolExecutor(settings.max_in_flight + 2 * public.max_calls + _SPARE_THREADS),
            interceptors=[
                Guard(token, Admission(settings.max_in_flight), self._reading, public.methods, is_open)
            ],
            options=_options(settings.max_message_bytes),
        )
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.grpc)
        if settings.reflection:
            reflection.enable_server_reflection(
                [service, health.SERVICE_NAME, reflection.SERVICE_NAME], self.grpc
            )

    def start(self) -> str:
        """Listens; returns the address with the port it got. Raises SettingInvalid when the port is taken."""
        host = self._settings.listen.rpartition(":")[0]
        try:
            port = self._listen()
        except RuntimeError as error:
            raise SettingInvalid(
                f"SYNRES_LISTEN: cannot listen on {self._settings.listen}: {error}"
            ) from error
        self.grpc.start()
        threading.Thread(target=self._reading.watch, args=(self._ended,), daemon=True).start()
        for face in self.faces:
            face.start()
        self._health.set(_LIVE, health_pb2.HealthCheckResponse.SERVING)
        if self.is_ready is None:
            self._say(health_pb2.HealthCheckResponse.SERVING)
        else:
            self._say(health_pb2.HealthCheckResponse.NOT_SERVING)
            self._watcher = threading.Thread(target=self._watch, args=(self.is_ready,), daemon=True)
            self._watcher.start()
        telemetry.log.info("serving", address=f"{host}:{port}")
        return f"{host}:{port}"

    def stop(self) -> None:
        """NOT_SERVING, then no new calls after the delay, then wait for those under way within the grace."""
        self._stopped.set()
        self._say(health_pb2.HealthCheckResponse.NOT_SERVING)
        time.sleep(self._settings.drain_delay_s)
        ended = self.grpc.stop(self._settings.grace_s)
        for face in self.faces:
            face.stop(self._settings.grace_s)
        ended.wait()
        self._ended.set()
        if self._watcher is not None:
            # a model that is still loading is not left alone with a process that ends
            self._watcher.join(self._settings.grace_s)
        telemetry.log.info("stopped")

    @property
    def is_stopping(self) -> bool:
        """From the first word of the end on, also while it still serves."""
        return self._stopped.is_set()

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT (or the end of its input, if tied), drains, returns."""
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        if self._settings.tied_to_stdin:
            threading.Thread(target=_wait_for_end_of_input, args=(stopping,), daemon=True).start()
        self.start()
        stopping.wait()
        self.stop()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _listen(self) -> int:
        if self._public.certificate is None:
            return self.grpc.add_insecure_port(self._settings.listen)
        credentials = grpc.ssl_server_credentials([self._public.certificate])
        return self.grpc.add_secure_port(self._settings.listen, credentials)

    def _watch(self, is_ready: Callable[[], bool]) -> None:
        states = health_pb2.HealthCheckResponse
        try:
            while not self._stopped.is_set():
                state = states.SERVING if is_ready() else states.NOT_SERVING
                if not self._stopped.is_set():
                    self._say(state)
                self._stopped.wait(_READINESS_S)
        finally:
            if not self._stopped.is_set():
                # a fault, after which nobody would ask again: a new process may do better
                self._health.set(_LIVE, states.NOT_SERVING)

    def _say(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in self._names:
            self._health.set(name, status)


def serve(name: str, kind: type[Settings], build: Callable[[Settings], Server]) -> None:
    """A service's whole life in its process; an error of ours becomes one sentence and an exit code."""
    try:
        settings = load_settings(kind)
        telemetry.configure(name, settings)
        build(settings).run()
    except SynresError as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
        raise SystemExit(error.exit_code) from error


def _wait_for_end_of_input(stopping: threading.Event) -> None:
    # not sys.stdin: its lock, held by a waiting thread, breaks the end of the interpreter
    while os.read(0, 1024):
        pass
    stopping.set()


def _require_token(settings: ServiceSettings) -> None:
    if settings.token is None:
        raise SettingInvalid(
            f"SYNRES_TOKEN is needed to listen on {settings.listen}; only loopback may go without"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`, a name or an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _options(max_message_bytes: int) -> Sequence[tuple[str, int]]:
    return (
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", -1),
        # a second server on the port would share its calls instead of failing
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
        # new replicas are found when a connection ends
        ("grpc.max_connection_age_ms", 600_000),
    )
