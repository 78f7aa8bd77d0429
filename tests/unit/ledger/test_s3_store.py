"""What S3Store makes of answers that a real server seldom gives: a scripted one on loopback gives them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from synres.errors import ArtifactMissing, SettingInvalid, StoreFull, StoreUnavailable
from synres.ledger.s3_store import S3Store
from tests.fakes import loopback_s3

Answer = Callable[[str, str], tuple[int, str]]
"""(method, path) -> (status, S3 error code, or empty for success)."""


@contextmanager
def server(answer: Answer) -> Iterator[tuple[S3Store, list[str]]]:
    """A store on a server that answers like that, and the requests it saw."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_all(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            condition = self.headers.get("If-None-Match") or self.headers.get("If-Match") or ""
            seen.append(f"{self.command} {self.path} {condition}".rstrip())
            status, code = answer(self.command, self.path)
            body = f"<Error><Code>{code}</Code><Message>so it is</Message></Error>".encode() if code else b""
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_DELETE = handle_all  # noqa: N815  (the names that http.server calls)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield S3Store("bucket", "p", loopback_s3(listening.server_port, timeout_s=0.5)), seen
        finally:
            listening.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (503, "SlowDown", StoreUnavailable),
        (500, "InternalError", StoreUnavailable),
        (507, "XMinioStorageFull", StoreFull),
        (403, "QuotaExceeded", StoreFull),
        (403, "AccessDenied", SettingInvalid),
        (403, "SignatureDoesNotMatch", SettingInvalid),
        (418, "Teapot", StoreUnavailable),
    ],
)
def test_each_code_has_its_error(status: int, code: str, error: type[Exception]) -> None:
    """Outage, no room and refused keys are told apart, for reads and for writes."""
    with server(lambda method, path: (status, code)) as (store, _):
        for call in (
            lambda: store.get("k"),
            lambda: store.put("k", b"x"),
            lambda: store.put_if_absent("k", b"x"),
        ):
            with pytest.raises(error):
                call()


@pytest.mark.parametrize(
    ("status", "code"), [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")]
)
def test_a_lost_condition_is_no_error(status: int, code: str) -> None:
    """Both answers to a lost conditional write say False, and the condition was sent as a header."""
    with server(lambda method, path: (status, code) if method == "PUT" else (200, "")) as (store, seen):
        assert store.put_if_absent("k", b"x") is False
        assert seen == ["PUT /bucket/p/k *"]


def test_an_outage_of_a_moment_is_waited_out() -> None:
    """One bad answer is asked again before anybody hears of it."""
    answers = iter([(503, "SlowDown"), (200, "")])
    with server(lambda method, path: next(answers)) as (store, seen):
        store.put("k", b"x")
        assert len(seen) == 2


def test_a_bucket_is_made_when_it_is_missing() -> None:
    """A write into no bucket makes it and is repeated; a read from no bucket finds nothing."""
    made: list[str] = []

    def answer(method: str, path: str) -> tuple[int, str]:
        if path.rstrip("/") == "/bucket" and method == "PUT":
            made.append(path)
        return (200, "") if made else (404, "NoSuchBucket")

    with server(answer) as (store, seen):
        with pytest.raises(ArtifactMissing):
            store.get("k")
        assert store.put_if_absent("k", b"x") is True
        assert [line.split()[0] for line in seen] == ["GET", "PUT", "PUT", "PUT"]


def test_a_slow_server_is_unavailable() -> None:
    """An answer later than the timeout is an outage, and does not hold the caller for long."""

    def answer(method: str, path: str) -> tuple[int, str]:
        time.sleep(1.0)
        return 200, ""

    with server(answer) as (store, _):
        begun_s = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.get("k")
        assert time.monotonic() - begun_s < 5


def test_the_bucket_stands_in_the_path_or_in_the_host() -> None:
    """In the path where nothing is said and the endpoint is not AWS's; some stores want it in the host."""
    with server(lambda method, path: (200, "")) as (store, seen):
        store.put("k", b"x")
    assert seen == ["PUT /bucket/p/k"]
    settings = loopback_s3(1, timeout_s=0.5).model_copy(update={"s3_path_style": False})
    with pytest.raises(StoreUnavailable, match=r"bucket\.127\.0\.0\.1"):
        S3Store("bucket", "p", settings).put("k", b"x")
