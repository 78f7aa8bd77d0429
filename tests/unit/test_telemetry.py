"""Telemetry is silent until it is configured, and its metrics have the documented names."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client import REGISTRY

from synres import telemetry
from synres.errors import BackendUnavailable, SettingInvalid
from synres.ports import ShardResult
from synres.settings import ServiceSettings

NAMES = {
    "synres_requests", "synres_request_duration_seconds", "synres_queue_wait_seconds", "synres_inflight",
    "synres_rejected", "synres_stage_backlog", "synres_artifacts", "synres_queued_work_seconds",
    "synres_batch_size",
}  # fmt: skip


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )


def _serve(before: str) -> subprocess.CompletedProcess[str]:
    """The grouper's life, after some code."""
    code = (
        f"import os, sys; {before};"
        "from services.grouper.app import build; from services.grouper.settings import GrouperSettings;"
        "from synres.rpc.server import serve; serve('grouper', GrouperSettings, build)"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_metrics_have_their_documented_names() -> None:
    """Dashboards and autoscalers read these."""
    assert {metric.name for metric in REGISTRY.collect()} >= NAMES


def test_a_library_says_nothing() -> None:
    """Imported by another program, synres writes no line."""
    ended = _run("from synres import telemetry; telemetry.log.info('hello'); print('done')")
    assert (ended.stdout, ended.stderr) == ("done\n", "")


def test_metrics_are_served_where_the_settings_say() -> None:
    """Prometheus scrapes the process, not a side-car."""
    code = (
        "from synres import telemetry; from synres.settings import ServiceSettings;"
        "from services.allinone import free_ports; import urllib.request;"
        "address = f'127.0.0.1:{free_ports(1)[0]}';"
        "telemetry.configure('x', ServiceSettings(metrics_listen=address));"
        "print(urllib.request.urlopen(f'http://{address}/metrics').read().decode())"
    )
    assert "synres_stage_backlog" in _run(code).stdout


def test_an_unknown_log_level_is_refused() -> None:
    """The message lists what there is."""
    with pytest.raises(SettingInvalid, match="use debug, info"):
        telemetry.configure("x", ServiceSettings(log_level="loud"))


@pytest.mark.parametrize("listen", ["9090x", "localhost", "127.0.0.1:99999", "192.0.2.1:9090"])
def test_metrics_that_cannot_be_served_are_one_sentence(listen: str) -> None:
    """The service names the setting and ends; a traceback would name our code."""
    ended = _serve(f"os.environ['SYNRES_METRICS_LISTEN'] = '{listen}'")
    assert ended.returncode == SettingInvalid.exit_code
    assert ended.stderr.startswith(f"SETTING_INVALID: SYNRES_METRICS_LISTEN: cannot listen on {listen}")


def test_traces_without_their_packages_are_one_sentence() -> None:
    """The mend is named."""
    ended = _serve(
        "sys.modules['opentelemetry.sdk.trace'] = None;"
        "os.environ['SYNRES_OTLP_ENDPOINT'] = 'http://127.0.0.1:1'"
    )
    assert ended.returncode == BackendUnavailable.exit_code
    assert ended.stderr.startswith("BACKEND_UNAVAILABLE: SYNRES_OTLP_ENDPOINT is set")
    assert "synres[tracing]" in ended.stderr


def test_a_cached_shard_counts_as_deduplicated() -> None:
    """Work that was not done again is visible."""
    labels = {"stage": "caption", "outcome": "deduplicated"}
    before = REGISTRY.get_sample_value("synres_artifacts_total", labels) or 0.0
    telemetry.count_shard("caption", ShardResult("a", {}, {"in": 1}, {}, cached=True))
    assert REGISTRY.get_sample_value("synres_artifacts_total", labels) == before + 1


def test_a_span_joins_the_callers_trace() -> None:
    """A trace goes from the driver through the service: its id travels in `traceparent`."""
    code = (
        "from opentelemetry import trace; from opentelemetry.sdk.trace import TracerProvider;"
        "from synres import telemetry; trace.set_tracer_provider(TracerProvider());"
        "parent = '00-' + 'a' * 32 + '-' + 'b' * 16 + '-01'\n"
        "with telemetry.rpc_span('Service/Call', {'traceparent': parent}):\n"
        "    print(telemetry.trace_headers()['traceparent'][3:35])"
    )
    assert _run(code).stdout.strip() == "a" * 32
