"""Alerts, dashboard and autoscalers ask for metrics that exist."""

from __future__ import annotations

import json
import re

from grpc import StatusCode
from prometheus_client import REGISTRY

from synres import telemetry
from tests.deploy.charts import CHART, render

assert telemetry.REQUESTS  # registers what the services count


def _expressions() -> list[str]:
    (rule,) = [each for each in render("everything-on") if each["kind"] == "PrometheusRule"]
    alerts = [alert["expr"] for group in rule["spec"]["groups"] for alert in group["rules"]]
    panels = json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]
    drawn = [target["expr"] for panel in panels for target in panel["targets"]]
    scalers = [each for each in render("keda") if each["kind"] == "ScaledObject"]
    return [*alerts, *drawn, *(each["spec"]["triggers"][0]["metadata"]["query"] for each in scalers)]


def test_every_metric_exists() -> None:
    """A name that nobody counts would be an alert that never fires."""
    families = [family for family in REGISTRY.collect() if family.name.startswith("synres_")]
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket",)}
    known = {family.name + suffix for family in families for suffix in suffixes[family.type]}
    used = {name for text in _expressions() for name in re.findall(r"\bsynres_\w+", text)}
    assert used
    assert used <= known


def test_every_label_exists() -> None:
    """Those of the metrics, and those that Prometheus adds to a pod's."""
    counted = {"service", "method", "code", "stage", "outcome", "reason", "le"} | {"namespace", "pod"}
    used = {name for text in _expressions() for name in re.findall(r"(\w+)(?:=~|!=|=)\"", text)}
    assert used <= counted
    codes = re.findall(r'code=~"([\w|]+)"', " ".join(_expressions()))
    assert {code for each in codes for code in each.split("|")} <= set(StatusCode.__members__)


def test_brackets_are_paired() -> None:
    """No tool here reads PromQL; this much can be seen."""
    for text in _expressions():
        assert all(text.count(a) == text.count(b) for a, b in ("()", "[]", "{}")), text
