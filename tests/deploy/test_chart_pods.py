"""What every pod of the chart has, whatever the values."""

from __future__ import annotations

import re

import pytest

from tests.deploy.charts import (
    COMPONENT,
    PIPELINES,
    PROFILES,
    SERVICES,
    Object,
    containers,
    job_settings,
    known_variables,
    of_kind,
    pods,
    render,
    settings_of,
)

ALL = pytest.mark.parametrize("profile", PROFILES)


def _deployment(service: str, *values: str) -> Object:
    return dict(of_kind(render(*values), "Deployment")[service]["spec"])


def _container(service: str, *values: str) -> Object:
    return dict(_deployment(service, *values)["template"]["spec"]["containers"][0])


def _env(container: Object) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container["env"]}


@ALL
def test_every_container_is_hardened(profile: str) -> None:
    """The restricted standard, and a root filesystem that nobody writes to; those of Jobs to come too."""
    jobs = [job_settings(render(profile))] if profile in PIPELINES else []
    specs = [spec for _, spec in pods(render(profile))]
    for security in [spec["securityContext"] for spec in specs] + [job["podSecurityContext"] for job in jobs]:
        assert security["runAsNonRoot"] is True
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    inner = [each["securityContext"] for spec in specs for each in containers(spec)]
    for security in [*inner, *(job["containerSecurityContext"] for job in jobs)]:
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}


@ALL
def test_no_pod_touches_its_host(profile: str) -> None:
    """Neither its network, processes, paths nor ports."""
    for name, spec in pods(render(profile)):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), name
        assert not any("hostPath" in volume for volume in spec["volumes"]), name
        assert not any("hostPort" in port for each in containers(spec) for port in each.get("ports", ())), (
            name
        )


@ALL
def test_the_trainer_alone_has_a_token(profile: str) -> None:
    """Pods say so, and so do their service accounts, which would give one to pods of others."""
    with_token = {name for name, spec in pods(render(profile)) if spec["automountServiceAccountToken"]}
    assert [re.sub(r"^.*-", "", name) for name in with_token] == (["trainer"] if profile in PIPELINES else [])
    accounts = of_kind(render(profile), "ServiceAccount").values()
    assert not any(account["automountServiceAccountToken"] for account in accounts)


@ALL
def test_no_pod_takes_services_for_settings(profile: str) -> None:
    """A release called synres would give its pods SYNRES_..._PORT=tcp://..."""
    assert all(spec["enableServiceLinks"] is False for _, spec in pods(render(profile)))


@ALL
def test_every_image_has_a_version(profile: str) -> None:
    """A tag or a digest, and never latest."""
    images = {each["image"] for _, spec in pods(render(profile)) for each in containers(spec)}
    if profile in PIPELINES:
        images.add(job_settings(render(profile))["image"])
    assert all(re.search(r"(:(?!latest)[\w.-]+|@sha256:[0-9a-f]{64})$", image) for image in images)


@ALL
def test_selectors_never_change(profile: str) -> None:
    """They are immutable: no version, nothing of the values but the release; and they find their pods."""
    for deployment in of_kind(render(profile), "Deployment").values():
        selector = deployment["spec"]["selector"]["matchLabels"]
        names = ("name", "instance", "component")
        assert set(selector) == {f"app.kubernetes.io/{name}" for name in names}
        assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


@ALL
def test_every_variable_is_one_that_the_code_reads(profile: str) -> None:
    """A variable that no settings class has would be set in vain."""
    used = set(settings_of(render(profile)))
    for _, spec in pods(render(profile)):
        used |= {each["name"] for container in containers(spec) for each in container.get("env", ())}
    # read by the trainer where it runs Jobs
    known = known_variables() | {"SYNRES_JOB_SETTINGS"}
    assert {name for name in used if name.startswith("SYNRES_")} <= known


@ALL
def test_every_mount_has_its_volume(profile: str) -> None:
    """And every volume is mounted."""
    for name, spec in pods(render(profile)):
        volumes = {volume["name"] for volume in spec["volumes"]}
        assert volumes == {mount["name"] for each in containers(spec) for mount in each["volumeMounts"]}, name


@pytest.mark.parametrize("service", SERVICES)
def test_probes_are_native_and_apart(service: str) -> None:
    """Start and life ask for the process, readiness for the whole: a Triton that is away restarts nobody."""
    container = _container(service, "minimal")
    asked = {each: container[f"{each}Probe"]["grpc"] for each in ("startup", "readiness", "liveness")}
    port = container["ports"][0]["containerPort"]
    live = {"port": port, "service": "live"}
    assert asked == {"startup": live, "readiness": {"port": port}, "liveness": live}
    assert _env(container)["SYNRES_LISTEN"] == f"0.0.0.0:{port}"


@pytest.mark.parametrize("profile", ["minimal", "gpu-prod"])
def test_the_grace_period_covers_the_drain(profile: str) -> None:
    """What the service is told to take, and five seconds to end."""
    for service in SERVICES:
        told = _env(_container(service, profile))
        seconds = int(told["SYNRES_DRAIN_DELAY_S"]) + int(told["SYNRES_GRACE_S"])
        spec = _deployment(service, profile)["template"]["spec"]
        assert spec["terminationGracePeriodSeconds"] == seconds + 5


def test_gpu_pools_need_no_spare_gpu() -> None:
    """With GPUs the old pod goes first; without, the new one comes first."""
    for service, surge in (("segmenter", 0), ("generator", 1), ("triton", 0)):
        rolling = _deployment(service, "gpu-prod")["strategy"]["rollingUpdate"]
        assert rolling == {"maxSurge": surge, "maxUnavailable": 1 - surge}
    assert _container("segmenter", "gpu-prod")["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert _deployment("coordinator", "gpu-prod")["strategy"] == {"type": "Recreate"}


def test_an_autoscaler_owns_the_replicas() -> None:
    """A Deployment that said a number would undo the autoscaler's at every upgrade."""
    scaled = {"captioner", "generator", "segmenter", "grouper"}
    said = {service for service in SERVICES if "replicas" in _deployment(service, "keda")}
    assert said == set(SERVICES) - scaled
    triggers = {
        service: each["spec"]["triggers"][0]["metadata"]["query"]
        for service, each in of_kind(render("keda"), "ScaledObject").items()
    }
    assert 'stage=~"caption|align"' in triggers["captioner"]
    assert of_kind(render("keda"), "HorizontalPodAutoscaler")["grouper"]["spec"]["minReplicas"] == 2


def test_budgets_never_block_a_drain() -> None:
    """They are made for two pods and more, and let one go."""
    assert of_kind(render("minimal"), "PodDisruptionBudget") == {}
    budgets = of_kind(render("gpu-prod"), "PodDisruptionBudget")
    assert set(budgets) == {"captioner", "generator", "segmenter", "grouper", "triton"}
    assert all(budget["spec"]["maxUnavailable"] == 1 for budget in budgets.values())
    assert "segmenter" not in of_kind(render("keda"), "PodDisruptionBudget")


def test_services_are_headless() -> None:
    """Clients see every pod, and balance by themselves."""
    found = of_kind(render("minimal"), "Service")
    for service in SERVICES:
        spec = found[service]["spec"]
        assert spec["clusterIP"] == "None"
        assert spec["ports"][0]["appProtocol"] == "kubernetes.io/h2c"
        address = settings_of(render("minimal"))[f"SYNRES_{service.upper()}_ADDRESS"]
        assert address == f"{found[service]['metadata']['name']}:{spec['ports'][0]['port']}"


def test_triton_has_its_shared_memory() -> None:
    """The generator is told where Triton is, and Triton's tensors pass through memory."""
    volumes = _deployment("triton", "gpu-prod")["template"]["spec"]["volumes"]
    assert {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}} in volumes
    assert _env(_container("generator", "gpu-prod"))["SYNRES_TRITON_ADDRESS"] == "r-synres-triton:8001"
    assert "SYNRES_TRITON_ADDRESS" not in _env(_container("generator", "minimal"))


def test_models_are_read_where_they_are_and_fetched_by_nobody_else() -> None:
    """The hub is off in every service; the Job that pulls has it, and the one right to write there."""
    assert settings_of(render("gpu-prod"))["HF_HUB_OFFLINE"] == "1"
    (pull,) = [spec for name, spec in pods(render("gpu-prod")) if "-pull-" in name]
    commands = [container["command"][-1] for container in pull["initContainers"]]
    assert "xinlai/LISA-7B-v1" in commands
    writers = {
        name
        for name, spec in pods(render("gpu-prod"))
        for container in containers(spec)
        for mount in container["volumeMounts"]
        if mount["name"] == "models" and not mount.get("readOnly")
    }
    assert [re.sub(r"-\w+$", "", name) for name in writers] == ["r-synres-pull"]


def test_a_changed_setting_rolls_the_pods_and_a_new_chart_does_not() -> None:
    """The checksum is of the data alone."""
    old, new, version = (
        of_kind(render("minimal", *change), "Deployment")["grouper"]["spec"]["template"]
        for change in ((), ('logLevel="debug"',), ('commonAnnotations={"a": "b"}',))
    )
    assert old["metadata"]["annotations"] != new["metadata"]["annotations"]
    assert old == version


def test_common_labels_reach_pods_and_never_their_selectors() -> None:
    """Nor can a value's label take a pod from its selector."""
    spec = _deployment("grouper", f'defaults={{"podLabels": {{"{COMPONENT}": "other", "a": "b"}}}}')
    labels = spec["template"]["metadata"]["labels"]
    assert (labels[COMPONENT], labels["a"]) == ("grouper", "b")
