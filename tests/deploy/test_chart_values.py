"""Values: typos are refused, mistakes come with their mend, and what repeats other files is fresh."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from tests.deploy.charts import (
    CHART,
    PROFILES,
    SERVICES,
    TOOLS,
    job_settings,
    known_variables,
    of_kind,
    render,
    run,
    template,
)
from tools.chart_readme import licences, read_values, readme

without_helm = pytest.mark.without_helm


@pytest.mark.parametrize(
    "typo",
    [
        "devStorag={}",
        "defaults.replica=2",
        "services.segmentor.replicas=2",
        "services.segmenter.autoscaling.mod=\"hpa\"",
        "services.segmenter.autoscaling.mode=\"on\"",
        "services.segmenter.replicas=\"two\"",
        "services.segmenter.gpu.number=1",
        "services.segmenter.image.digest=\"sha256:1\"",
        "services.segmenter.probes.startup.period=1",
        "storage.s3.buckets=\"b\"",
        "training.kueue.que=\"q\"",
        "triton.enable=true",
        "networkPolicy.enable=false",
        "settings={\"SYNRES_LOG_LEVL\": \"info\"}",
        "settings={\"SYNRES_TOKEN\": \"secret\"}",
        "imagePullSecrets=\"one\"",
    ],
)  # fmt: skip
def test_a_typo_is_refused(typo: str) -> None:
    """The schema names the place."""
    with pytest.raises(ValueError, match="values don't meet the specifications of the schema"):
        template("minimal", typo)


def test_helm_3_refuses_a_typo_too() -> None:
    """Its oldest version here knows less of JSON Schema, and enough."""
    with pytest.raises(ValueError, match="Additional property replica is not allowed"):
        template("minimal", "services.grouper.replica=2", helm="helm3")


def test_parents_may_give_what_helm_itself_has() -> None:
    """`global` is open and `enabled` allowed at the root: the chart can be a dependency of another."""
    template("minimal", 'global={"ours": 1}', "enabled=true")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("minio={}", "no MinIO is bundled"),
        ("replicaCount=2", "services.<name>.replicas"),
        ("segmenter={}", "set services.segmenter"),
        ('storage.s3.accessKey="k"', "storage.s3.existingSecret"),
        ('token="t"', "auth.existingSecret"),
        ('storage.s3.endpoint="https://s3.example.com"', "host or host:port"),
        ("storage.s3.useIAM=true", "not both"),
        ("services.coordinator.replicas=2", "one coordinator"),
        ('services.trainer.autoscaling.mode="hpa"', "works off no backlog"),
        ('services.grouper.autoscaling.mode="keda"', "keda.prometheusAddress"),
        ('services.grouper.autoscaling={"mode": "hpa", "minReplicas": 0}', "keda scales to 0"),
        ('services.grouper.autoscaling={"mode": "hpa", "minReplicas": 9}', "minReplicas is over maxReplicas"),
        ('{"defaults.autoscaling.mode": "hpa", "defaults.resources.requests.cpu": ""}', "hpa needs it"),
        ("modelCache.pull.enabled=true", "modelCache.models"),
        ('metrics={"enabled": false, "monitor": "pod"}', "nothing to read"),
        ("ingress.enabled=true", "gRPC needs TLS"),
        ("grpcRoute.enabled=true", "name the Gateway"),
        ('{"triton.enabled": true, "services.generator.enabled": false}', "enable services.generator"),
    ],
)  # fmt: skip
def test_a_mistake_comes_with_its_mend(value: str, said: str) -> None:
    """Before anything is installed."""
    values = [value]
    if value.startswith("{"):
        values = [f"{name}={json.dumps(each)}" for name, each in json.loads(value).items()]
    with pytest.raises(ValueError, match=said):
        template("minimal", *values)


def test_all_mistakes_are_said_at_once() -> None:
    """Nobody mends one to be told of the next."""
    with pytest.raises(ValueError, match=r"(?s)minio: .*replicaCount: .*coordinator.replicas: "):
        template("minimal", "minio={}", "replicaCount=2", "services.coordinator.replicas=2")


@pytest.mark.parametrize("profile", ["keda", "everything-on"])
def test_a_kind_that_the_cluster_lacks_is_named(profile: str) -> None:
    """Left out in silence, nothing would scale."""
    with pytest.raises(ValueError, match=r"needs KEDA, and this cluster does not serve keda.sh/v1alpha1"):
        template(profile, kinds=())


def test_defaults_need_nothing_of_the_cluster() -> None:
    """They render without a value, and without any other kind."""
    assert template(kinds=())


def test_one_service_differs_where_it_says_so() -> None:
    """Field by field, false and zero too."""
    values = 'services.grouper={"replicas": 0, "serviceAccount": {"create": false, "name": "mine"}}'
    grouper = of_kind(render("minimal", values), "Deployment")["grouper"]["spec"]
    assert (grouper["replicas"], grouper["template"]["spec"]["serviceAccountName"]) == (0, "mine")
    assert "grouper" not in of_kind(render("minimal", values), "ServiceAccount")
    left = of_kind(render("minimal", "services.grouper.enabled=false"), "Deployment")
    assert set(left) == set(SERVICES) - {"grouper"}


def test_jobs_are_made_of_values_alone() -> None:
    """Image, command, volumes, account, pool and queue of a training, in the words of Kubernetes."""
    found = job_settings(render("gpu-prod"))
    assert (found["image"], found["command"]) == (
        "synres-trainer:0.1.0",
        ["python", "-m", "services.trainer.job"],
    )
    assert (found["namespace"], found["namePrefix"], found["queue"]) == ("ns", "r-synres", "synres")
    assert (found["nodes"], found["processesPerNode"]) == (2, 8)
    assert found["resources"]["limits"]["nvidia.com/gpu"] == "8"
    services = {each["metadata"]["name"]: each for each in render("gpu-prod") if each["kind"] == "Service"}
    assert services[found["subdomain"]]["spec"]["selector"].items() <= found["labels"].items()
    accounts = [each["metadata"]["name"] for each in of_kind(render("gpu-prod"), "ServiceAccount").values()]
    assert found["serviceAccountName"] in accounts
    assert {volume["name"] for volume in found["volumes"]} == {
        mount["name"] for mount in found["volumeMounts"]
    }
    assert found["env"] == []


def _notes(*values: str) -> str:
    arguments = [argument for value in values for argument in ("--set-json", value)]
    ended = run(TOOLS / "helm4", "install", "r", CHART, "--namespace", "ns", "--dry-run=client", *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.partition("NOTES:")[2]


def test_notes_say_how_to_call_and_what_binds() -> None:
    """The segmenter's address, the licence of each model that is named, and what is missing."""
    said = _notes('modelCache.models=["xinlai/LISA-7B-v1", "a/b"]', "networkPolicy.enabled=false")
    assert 'synres segment picture.png "the red circle" --address 127.0.0.1:50053' in said
    assert "xinlai/LISA-7B-v1: LicenseRef-LLaMA-1 (in a company: no)" in said
    assert "a/b: not known here" in said
    assert "the token alone guards the services" in said
    assert "empty emptyDir" in said
    assert "NOT FOR PRODUCTION" not in said


def test_notes_are_loud_about_a_trial() -> None:
    """Nobody shall take it for a store."""
    assert "NOT FOR PRODUCTION" in _notes("devStorage.enabled=true")


def test_settings_takes_every_variable_that_has_no_value_of_its_own() -> None:
    """A new setting is added to `propertyNames` in the schema, or it gets a value, and the chart sets it."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    taken = set(schema["properties"]["settings"]["propertyNames"]["enum"])
    endpoint = (
        'endpoint={"enabled": true, "model": "m", "options": {"a": 1}, "keys": {"existingSecret": "k"}}'
    )
    whole = template(
        "minimal",
        "triton.enabled=true",
        "storage.s3.pathStyle=true",
        'datasets.volume={"emptyDir": {}}',
        endpoint,
    )
    own = set(re.findall(r"SYNRES_\w+", whole))
    # who starts a process by hand ties it to a terminal; a pod's probes speak no TLS, which a gateway ends
    by_hand = {"SYNRES_TIED_TO_STDIN", "SYNRES_SEGMENTER_TLS_CERTIFICATE", "SYNRES_SEGMENTER_TLS_KEY"}
    assert taken == known_variables() - own - by_hand


@without_helm
def test_the_readme_is_fresh() -> None:
    """`python -m tools.chart_readme` writes it."""
    page = (CHART / "README.md").read_text()
    assert page == readme(page, (CHART / "values.yaml").read_text())


@without_helm
def test_every_value_says_what_it_is() -> None:
    """A key without `# --` has keys below it that have one."""
    silent = [v.path for v in read_values((CHART / "values.yaml").read_text()) if v.is_leaf and not v.text]
    assert silent == []


@without_helm
def test_the_licences_are_those_of_the_catalogue() -> None:
    """`python -m tools.chart_readme` writes them."""
    assert (CHART / "files" / "licences.json").read_text() == licences()


@without_helm
def test_profiles_open_with_what_they_are_for() -> None:
    """A comment, and values that a person can read."""
    assert set(PROFILES) == {
        "minimal",
        "dev-one-node",
        "gpu-prod",
        "airgapped",
        "keda",
        "everything-on",
        "endpoint",
    }
    for profile in PROFILES:
        text = (CHART / "ci" / f"{profile}.yaml").read_text()
        assert text.startswith("# ")
        assert isinstance(yaml.safe_load(text), dict)
