"""The online endpoint in the chart: alone without store and token, or beside the pipeline."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.charts import Object, containers, of_kind, render, settings_of, template

HTTP = 8080


def _segmenter(*values: str) -> Object:
    deployment = of_kind(render(*values), "Deployment")["segmenter"]
    return dict(deployment["spec"]["template"]["spec"])


def _env(*values: str) -> dict[str, Any]:
    (container,) = containers(_segmenter(*values))
    return {each["name"]: each.get("value") for each in container["env"]}


def _named(kind: str, end: str, *values: str) -> Object:
    (found,) = [
        each for each in render(*values) if each["kind"] == kind and each["metadata"]["name"].endswith(end)
    ]
    return dict(found["spec"])


def test_alone_it_needs_neither_store_nor_token() -> None:
    """One Deployment, no secret but the keys, and uploads in a folder of the pod."""
    assert set(of_kind(render("endpoint"), "Deployment")) == {"segmenter"}
    assert "secretKeyRef" not in template("endpoint")
    assert settings_of(render("endpoint"))["SYNRES_STORE_URL"].startswith("/cache/")
    assert not {name for name in settings_of(render("endpoint")) if "S3" in name}


def test_keys_are_a_file_that_may_change() -> None:
    """Mounted as a folder: a subPath would keep the old file for ever."""
    (container,) = containers(_segmenter("endpoint"))
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == "keys"]
    assert _env("endpoint")["SYNRES_SEGMENTER_KEYS"].startswith(f"{mount['mountPath']}/")
    assert "subPath" not in mount
    (volume,) = [each for each in _segmenter("endpoint")["volumes"] if each["name"] == "keys"]
    assert volume["secret"]["secretName"] == "synres-keys"


def test_one_service_for_http_and_grpc() -> None:
    """With an address of its own; who balances by himself takes the headless one."""
    service = _named("Service", "-endpoint", "endpoint")
    assert service["type"] == "ClusterIP"
    assert [port["port"] for port in service["ports"]] == [HTTP, 50053]
    assert _env("endpoint")["SYNRES_SEGMENTER_HTTP_LISTEN"] == f"0.0.0.0:{HTTP}"
    assert HTTP in [port["containerPort"] for port in containers(_segmenter("endpoint"))[0]["ports"]]


def test_routes_lead_to_http_and_are_off_by_default() -> None:
    """Ingress and HTTPRoute, each by its own switch."""
    ingress = _named("Ingress", "-endpoint", "endpoint")
    (path,) = ingress["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "r-synres-endpoint", "port": {"name": "http"}}
    (rule,) = _named("HTTPRoute", "-endpoint", "endpoint")["rules"]
    assert rule["backendRefs"] == [{"name": "r-synres-endpoint", "port": HTTP}]
    beside = render("minimal", "endpoint.enabled=true")
    assert not {"Ingress", "HTTPRoute"} & {each["kind"] for each in beside}


def test_it_scales_by_the_work_that_waits() -> None:
    """The metric is one that the segmenter has."""
    spec = of_kind(render("endpoint"), "HorizontalPodAutoscaler")["segmenter"]["spec"]
    names = [each["pods"]["metric"]["name"] for each in spec["metrics"] if each["type"] == "Pods"]
    assert names == ["synres_queued_work_seconds"]


def test_who_is_admitted_reaches_http_too() -> None:
    """And nobody else; beside the pipeline the coordinator keeps its way."""
    for values in (("endpoint",), ("minimal", "endpoint.enabled=true")):
        policy = _named("NetworkPolicy", "-to-segmenter", *values)
        assert [port["port"] for port in policy["ingress"][0]["ports"]] == [50053, HTTP]
    assert not [each for each in render("endpoint") if each["metadata"]["name"].endswith("-to-store")]


def test_beside_the_pipeline_the_token_stays() -> None:
    """The coordinator calls as ever; without keys the token alone opens."""
    env = _env("minimal", "endpoint.enabled=true")
    assert "SYNRES_TOKEN" in env
    assert "SYNRES_SEGMENTER_KEYS" not in env


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (("endpoint.alone=true",), "set endpoint.enabled=true"),
        (("endpoint.alone=true", "endpoint.enabled=true"), "services.trainer.enabled: set it false"),
        (("endpoint.enabled=true", "services.segmenter.enabled=false"), "enable services.segmenter"),
        (("endpoint.ingress.enabled=true",), "give endpoint.ingress.host"),
        (("endpoint.httpRoute.enabled=true",), "name the Gateway"),
    ],
)
def test_contradictions_are_told(values: tuple[str, ...], said: str) -> None:
    """Each with its mend, before anything is installed."""
    with pytest.raises(ValueError, match=said):
        template("minimal", *values)


def test_open_to_everybody_only_by_saying_so() -> None:
    """Without keys the endpoint alone is refused."""
    with pytest.raises(ValueError, match=r"or set endpoint\.auth=off"):
        template("endpoint", 'endpoint.keys.existingSecret=""')
    env = _env("endpoint", 'endpoint.keys.existingSecret=""', 'endpoint.auth="off"')
    assert env["SYNRES_SEGMENTER_AUTH"] == "off"
