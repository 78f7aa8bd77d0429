"""JSON logs, Prometheus metrics and OpenTelemetry traces, under one set of names.

Nothing is configured at import: a composition root calls `configure`, a library stays silent. The metrics
live in Prometheus's default registry from the start; counting costs nothing when nobody reads.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog
from opentelemetry import propagate, trace
from prometheus_client import Counter, Gauge, Histogram, start_http_server

from synres.errors import BackendUnavailable, SettingInvalid
from synres.ports import ShardResult
from synres.settings import ServiceSettings

_SECONDS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300)

REQUESTS = Counter("synres_requests_total", "Calls answered.", ["service", "method", "code"])
REQUEST_SECONDS = Histogram(
    "synres_request_duration_seconds", "Time to answer.", ["service", "method"], buckets=_SECONDS
)
QUEUE_SECONDS = Histogram(
    "synres_queue_wait_seconds", "Time a call waited for the model.", ["service"], buckets=_SECONDS
)
IN_FLIGHT = Gauge("synres_inflight", "Calls under way.", ["service"])
QUEUED_WORK_SECONDS = Gauge("synres_queued_work_seconds", "Estimated work that waits.", ["service"])
BATCH_SIZE = Histogram(
    "synres_batch_size", "Pictures that the model saw at a time.", ["service"], buckets=(1, 2, 4, 8, 16, 32)
)
REJECTED = Counter("synres_rejected_total", "Items turned away.", ["reason"])
STAGE_BACKLOG = Gauge("synres_stage_backlog", "Planned shards without a record.", ["stage"])
ARTIFACTS = Counter("synres_artifacts_total", "Shards that ended.", ["stage", "outcome"])
"""`outcome`: "committed" | "deduplicated" | "quarantined"."""

_TRACER = trace.get_tracer("synres")
# the server's own; what is left is the caller's to mend
_FAULTS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}

# over the standard library's logger, which is silent until a composition root gives it a handler
log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
    logging.getLogger("synres"),
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        # plain tracebacks: those with local variables would show tokens
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
)


def configure(service: str, settings: ServiceSettings) -> None:
    """JSON lines on stderr; metrics and traces where the settings say so.

    Raises SettingInvalid, and BackendUnavailable when traces are wanted without the `tracing` extra.
    """
    _configure_logs(service, settings.log_level)
    if settings.metrics_listen:
        _serve_metrics(settings.metrics_listen)
    if settings.otlp_endpoint:
        _configure_traces(service, settings.otlp_endpoint)


@contextmanager
def bound(**names: str) -> Iterator[None]:
    """Every log line inside carries `names`, for example run, stage and shard."""
    with structlog.contextvars.bound_contextvars(**names):
        yield


@contextmanager
def span(name: str) -> Iterator[None]:
    """A span under the current one. What an exception says may be what a caller said: no span keeps it."""
    with _TRACER.start_as_current_span(name, record_exception=False, set_status_on_exception=False):
        yield


@contextmanager
def rpc_span(method: str, carrier: Mapping[str, str]) -> Iterator[Callable[[str], None]]:
    """A gRPC server's span of `method`, "package.Service/Method", under the trace that `carrier` (W3C
    headers) names; its code is to be reported. Source of the names: OpenTelemetry's conventions for RPC."""
    with _TRACER.start_as_current_span(
        method,
        propagate.extract(dict(carrier)),
        trace.SpanKind.SERVER,
        {"rpc.system.name": "grpc", "rpc.method": method},
        record_exception=False,
        set_status_on_exception=False,
    ) as current:

        def report(code: str) -> None:
            current.set_attribute("rpc.response.status_code", code)
            if code in _FAULTS:
                current.set_attribute("error.type", code)
                current.set_status(trace.StatusCode.ERROR)

        yield report


@contextmanager
def observed(service: str, method: str) -> Iterator[Callable[[str], None]]:
    """Counts and times one call; its code is OK unless one is reported."""
    codes = ["OK"]
    started_s = time.perf_counter()
    in_flight = IN_FLIGHT.labels(service)
    in_flight.inc()
    try:
        yield codes.append
    finally:
        in_flight.dec()
        REQUESTS.labels(service, method, codes[-1]).inc()
        REQUEST_SECONDS.labels(service, method).observe(time.perf_counter() - started_s)


def count_shard(stage: str, result: ShardResult) -> None:
    """What became of a shard."""
    outcome = "deduplicated" if result.cached else "committed"
    ARTIFACTS.labels(stage, outcome).inc()
    for _, reason in () if result.cached else result.rejections:
        REJECTED.labels(reason).inc()
    log.info("shard done", outcome=outcome, **result.counts)


def trace_headers() -> dict[str, str]:
    """W3C headers of the current span; empty without one."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def trace_id() -> str:
    """32 hex digits that name the current trace; empty without one."""
    return trace_headers().get("traceparent", "")[3:35]


def _configure_logs(service: str, level: str) -> None:
    levels = logging.getLevelNamesMapping()
    if level.upper() not in levels:
        raise SettingInvalid(f"SYNRES_LOG_LEVEL is {level!r}; use debug, info, warning or error")
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.processors.format_exc_info],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.TimeStamper(fmt="iso"),
            lambda _logger, _method, event: {"service": service, **event},
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=levels[level.upper()], handlers=[handler], force=True)


def _serve_metrics(listen: str) -> None:
    host, _, port = listen.rpartition(":")
    try:
        start_http_server(int(port), host)
    except (ValueError, OverflowError, OSError) as error:
        raise SettingInvalid(
            f"SYNRES_METRICS_LISTEN: cannot listen on {listen}: {error}; give host:port with a free port"
        ) from error


def _configure_traces(service: str, endpoint: str) -> None:
    # the SDK is the `tracing` extra: nobody else pays for it
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise BackendUnavailable(
            'SYNRES_OTLP_ENDPOINT is set, and traces need: pip install "synres[tracing]"'
        ) from error

    provider = TracerProvider(resource=Resource.create({"service.name": f"synres-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
    trace.set_tracer_provider(provider)
