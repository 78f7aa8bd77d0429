"""Who may do what: rights, network, secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.deploy.charts import COMPONENT, PIPELINES, PROFILES, SERVICES, Object, of_kind, render

ALL = pytest.mark.parametrize("profile", PROFILES)
WHOLE = pytest.mark.parametrize("profile", PIPELINES)
GUARDED = [service for service in SERVICES if service != "coordinator"]


def _policies(*values: str) -> dict[str, Object]:
    """Name without the release -> spec, but for those that only the tests bring."""
    found = [each for each in render(*values) if each["kind"] == "NetworkPolicy"]
    kept = [each for each in found if "helm.sh/hook" not in each["metadata"].get("annotations", {})]
    return {each["metadata"]["name"].removeprefix("r-synres-"): each["spec"] for each in kept}


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    rules = selector.get("matchExpressions", ())
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(rule["key"]) in rule["values"] for rule in rules
    )


def _pod(component: str) -> dict[str, str]:
    deployment = of_kind(render("minimal"), "Deployment")["grouper"]
    return dict(deployment["spec"]["template"]["metadata"]["labels"]) | {COMPONENT: component}


def _may_call(caller: str, callee: str, port: int, *values: str) -> bool:
    """As a cluster decides: some policy lets it out there, and some lets it in."""
    source, target = _pod(caller), _pod(callee)
    out = _lets(source, "egress", "to", target, port, *values)
    return out and _lets(target, "ingress", "from", source, port, *values)


def _lets(pod: dict[str, str], way: str, peers: str, other: dict[str, str], port: int, *values: str) -> bool:
    rules: list[dict[str, Any]] = [
        rule
        for policy in _policies(*values).values()
        if _selects(policy["podSelector"], pod)
        for rule in policy.get(way, ())
    ]
    return any(
        ("ports" not in rule or port in [each["port"] for each in rule["ports"]])
        and (peers not in rule or any(_selects(peer.get("podSelector", {}), other) for peer in rule[peers]))
        for rule in rules
    )


@WHOLE
def test_the_trainer_alone_has_rights(profile: str) -> None:
    """Jobs, Pods and their logs in its namespace; nothing of the cluster."""
    kinds = {each["kind"] for each in render(profile)}
    assert not {kind for kind in kinds if kind.startswith("Cluster")}
    roles = [each for each in render(profile) if each["kind"] == "Role"]
    (rules,) = [role["rules"] for role in roles]
    rights = {(group, name): set(rule["verbs"]) for rule in rules
              for group in rule["apiGroups"] for name in rule["resources"]}  # fmt: skip
    assert rights == {
        ("batch", "jobs"): {"create", "get", "list", "watch", "patch", "delete"},
        ("", "pods"): {"get", "list", "watch"},
        ("", "pods/log"): {"get"},
    }
    (binding,) = [each for each in render(profile) if each["kind"] == "RoleBinding"]
    (subject,) = binding["subjects"]
    trainer = of_kind(render(profile), "Deployment")["trainer"]["spec"]["template"]["spec"]
    assert (subject["kind"], subject["name"]) == ("ServiceAccount", trainer["serviceAccountName"])


@WHOLE
def test_each_service_has_an_account_of_its_own(profile: str) -> None:
    """A right given to one is given to no other."""
    deployments = of_kind(render(profile), "Deployment")
    accounts = [deployments[s]["spec"]["template"]["spec"]["serviceAccountName"] for s in SERVICES]
    assert len(set(accounts)) == len(SERVICES)


@ALL
def test_everything_is_denied_first(profile: str) -> None:
    """For every pod of the release, in both ways."""
    (denied,) = [spec for name, spec in _policies(profile).items() if name.endswith("default-deny")]
    assert set(denied["policyTypes"]) == {"Ingress", "Egress"}
    assert not {"ingress", "egress"} & set(denied)
    for deployment in of_kind(render(profile), "Deployment").values():
        assert _selects(denied["podSelector"], deployment["spec"]["template"]["metadata"]["labels"])


@pytest.mark.parametrize("callee", GUARDED)
def test_stages_and_trainer_admit_the_coordinator_only(callee: str) -> None:
    """Neither each other, nor a training, nor a pod of the tests while none runs."""
    port = 50051 + SERVICES.index(callee)
    callers = {
        each for each in (*SERVICES, "training", "test", "triton") if _may_call(each, callee, port, "minimal")
    }
    assert callers == {"coordinator"}


def test_nobody_calls_another_release() -> None:
    """Its coordinator has another instance label."""
    target = _pod("grouper")
    stranger = _pod("coordinator") | {"app.kubernetes.io/instance": "other"}
    assert not _lets(target, "ingress", "from", stranger, 50054, "minimal")
    assert _lets(target, "ingress", "from", _pod("coordinator"), 50054, "minimal")


def test_who_else_may_call_is_said_by_values() -> None:
    """`admit` adds peers to one service and to no other."""
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}
    found = _policies("gpu-prod")
    assert peer in found["to-segmenter"]["ingress"][0]["from"]
    assert peer not in found["to-captioner"]["ingress"][0]["from"]


def test_ways_out_are_dns_and_the_store() -> None:
    """A stage has no other; the trainer also reaches the API server, the generator Triton."""
    stage = [spec["egress"] for spec in _policies("airgapped").values()
             if "Egress" in spec["policyTypes"] and _selects(spec["podSelector"], _pod("grouper"))
             and "egress" in spec]  # fmt: skip
    dns = [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}]
    store = [{"ports": [{"port": 8443}], "to": [{"ipBlock": {"cidr": "10.20.0.0/16"}}]}]
    assert sorted(map(json.dumps, stage)) == sorted(map(json.dumps, [dns, store]))
    api = [{"ports": [{"port": 6443}], "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]}]
    assert _policies("airgapped")["from-trainer"]["egress"] == api
    assert _may_call("generator", "triton", 8001, "gpu-prod")
    assert not _may_call("segmenter", "triton", 8001, "gpu-prod")


def test_a_training_talks_to_its_own_pods() -> None:
    """torchrun's rendezvous and the collectives take ports of their own choice."""
    assert _may_call("training", "training", 29500, "minimal")
    assert not _may_call("training", "trainer", 50055, "minimal")


def test_the_trial_store_is_reached_by_those_who_need_it() -> None:
    """Also by trainings and by the tests, and by nobody from outside."""
    callers = {each for each in (*SERVICES, "training", "test", "model-pull")
               if _may_call(each, "dev-storage", 8333, "dev-one-node")}  # fmt: skip
    assert callers == {*SERVICES, "training", "test"}


def test_the_tests_bring_their_way_in_and_take_it_away() -> None:
    """It is a hook: it exists while `helm test` runs."""
    hooks = [each for each in render("minimal") if "helm.sh/hook" in each["metadata"].get("annotations", {})]
    assert {each["kind"] for each in hooks} == {"ConfigMap", "NetworkPolicy", "Pod"}
    for each in hooks:
        notes = each["metadata"]["annotations"]
        assert notes["helm.sh/hook"] == "test"
        assert "hook-succeeded" in notes["helm.sh/hook-delete-policy"]


def test_secrets_are_those_that_exist() -> None:
    """The chart makes none, but for a trial."""
    assert of_kind(render("airgapped"), "Secret") == {}
    named = {
        (each["valueFrom"]["secretKeyRef"]["name"], each["valueFrom"]["secretKeyRef"]["key"])
        for deployment in of_kind(render("airgapped"), "Deployment").values()
        for each in deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        if "valueFrom" in each
    }
    keys = {("ceph", "AWS_ACCESS_KEY_ID"), ("ceph", "AWS_SECRET_ACCESS_KEY")}
    assert named == keys | {("synres-token", "token")}


def test_a_cloud_role_needs_no_keys() -> None:
    """With useIAM no variable names a key, in the services and in the trainings."""
    text = json.dumps(render("gpu-prod"))
    assert "SYNRES_S3_ACCESS_KEY" not in text
    accounts = of_kind(render("gpu-prod"), "ServiceAccount")
    assert all("eks.amazonaws.com/role-arn" in each["metadata"]["annotations"] for each in accounts.values())
    assert set(accounts) == {*SERVICES, "training"}


def test_a_trial_keeps_its_data_and_says_what_it_is() -> None:
    """The claim outlives the release."""
    claim = of_kind(render("dev-one-node"), "PersistentVolumeClaim")["dev-storage"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert "dev-storage" not in of_kind(render("minimal"), "Deployment")
