"""Job manifests: pure functions of request and deployment, and nothing of the request in what is run."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.trainer.manifest import (
    FINAL_EXIT_CODES,
    decode_request,
    encode_request,
    job_name,
    kubernetes_job,
    process_command,
)
from synres.errors import BackendUnavailable, InvalidInput, StoreError, SynresError, TrainingFailed
from synres.ports import ShardRequest
from tests.trainings import job_settings

REQUEST = ShardRequest("train", "ab" * 32, ("cd" * 32,), b'{"seed":1}', "00-trace", "run-1")
BLOB, STORE = "ef" * 32, "s3://bucket/prefix"
GPUS = {"resources": {"limits": {"nvidia.com/gpu": 8}}, "processes_per_node": 8}

requests = st.builds(
    ShardRequest,
    stage=st.sampled_from(["train", "evaluate"]),
    action=st.text("0123456789abcdef", min_size=64, max_size=64),
    inputs=st.lists(st.text(), max_size=2).map(tuple),
    params=st.binary(),
    run=st.text(),
)
deployments = st.fixed_dictionaries(
    {
        "nodes": st.integers(1, 64),
        "processes_per_node": st.integers(1, 8),
        "subdomain": st.just("r-synres-training"),
        "name_prefix": st.from_regex(r"[a-z0-9]([a-z0-9-]{0,34}[a-z0-9])?", fullmatch=True),
        "queue": st.sampled_from(["", "gpus"]),
        "backoff_limit": st.integers(0, 5),
    }
)


def _pod(**changes: Any) -> dict[str, Any]:
    job = kubernetes_job(REQUEST, BLOB, STORE, job_settings(**changes))
    return dict(job["spec"]["template"]["spec"])


def test_a_request_survives_the_store() -> None:
    """Encoded and decoded it is the same, to the bytes of its params."""
    assert decode_request(encode_request(REQUEST)) == REQUEST


def test_a_process_is_told_where_its_request_lies() -> None:
    """Store and digest are its arguments; it is tied to its parent."""
    assert process_command(BLOB, STORE)[-3:] == ("--tied", STORE, BLOB)


@given(requests, deployments)
def test_every_job_is_one_that_a_cluster_takes(request: ShardRequest, fields: dict[str, Any]) -> None:
    """Names are host names with any pod's index, every index has a pod, and JSON carries all of it."""
    settings = job_settings(**fields)
    job = kubernetes_job(request, BLOB, STORE, settings)
    assert job == kubernetes_job(request, BLOB, STORE, settings)
    assert json.loads(json.dumps(job)) == job
    name, spec = job["metadata"]["name"], job["spec"]
    assert name == job_name(request.action, settings)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", f"{name}-{settings.nodes - 1}")
    assert spec["completions"] == spec["parallelism"] == settings.nodes
    assert ("suspend" in spec) == bool(settings.queue)


@given(requests, requests)
def test_what_is_run_comes_from_the_deployment_alone(one: ShardRequest, other: ShardRequest) -> None:
    """Two requests of one stage differ in the names of their Jobs and in nothing that a node looks at."""
    settings = job_settings(nodes=2, subdomain="s", **GPUS)
    jobs = [json.dumps(kubernetes_job(r, BLOB, STORE, settings)["spec"]) for r in (one, other)]
    stripped = [
        job.replace(r.action, "").replace(r.action[:16], "").replace(f'"{r.stage}"', "")
        for job, r in zip(jobs, (one, other), strict=True)
    ]
    assert stripped[0] == stripped[1]


@pytest.mark.parametrize("action", ["/../../../../x", "x?limit=1", "", "A" * 64])
def test_no_path_leads_out_of_a_job_s_name(action: str) -> None:
    """Who asks about a job names a digest; anything else would be a path of the cluster's API."""
    with pytest.raises(InvalidInput):
        job_name(action, job_settings())


def test_one_process_runs_the_command_itself() -> None:
    """Program of the deployment, then store and request as arguments."""
    (container,) = _pod()["containers"]
    assert container["command"] == ["python", "-m", "services.trainer.job"]
    assert container["args"] == [STORE, BLOB]


def test_pods_of_several_nodes_meet_at_pod_0() -> None:
    """torchrun gets its rank from the Job's index, and the first pod's name under the headless Service."""
    pod = _pod(nodes=2, subdomain="training", **GPUS)
    command = " ".join(pod["containers"][0]["command"])
    assert pod["subdomain"] == "training"
    assert "--nnodes=2 --nproc-per-node=8 --node-rank=$(JOB_COMPLETION_INDEX)" in command
    assert f"--master-addr=test-job-{REQUEST.action[:16]}-0.training --master-port=29500" in command
    assert command.endswith("--no-python python -m services.trainer.job")
    assert "--standalone" in _pod(**GPUS)["containers"][0]["command"]


def test_preemption_is_no_failure_and_a_bad_spec_is_not_tried_again() -> None:
    """The rules of podFailurePolicy, in this order; errors that may pass are tried again."""
    spec = kubernetes_job(REQUEST, BLOB, STORE, job_settings(nodes=3, subdomain="s"))["spec"]
    moved, final = spec["podFailurePolicy"]["rules"]
    assert (moved["action"], moved["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert (final["action"], final["onExitCodes"]["values"]) == ("FailJob", list(FINAL_EXIT_CODES))
    again: list[type[SynresError]] = [InvalidInput, BackendUnavailable, TrainingFailed]
    assert {kind.exit_code for kind in again} == set(FINAL_EXIT_CODES)
    assert StoreError.exit_code not in FINAL_EXIT_CODES
    # one failure ends the three pods
    assert spec["backoffLimit"] == 9


def test_pods_get_no_token_and_no_variables_of_services() -> None:
    """A training needs neither, and SYNRES_..._PORT of a Service would be taken for a setting."""
    pod = _pod(pod_security_context={"runAsNonRoot": True}, image_pull_secrets=("registry",))
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert (pod["restartPolicy"], pod["serviceAccountName"]) == ("Never", "t")
    assert pod["securityContext"] == {"runAsNonRoot": True}
    assert pod["imagePullSecrets"] == [{"name": "registry"}]


def test_kueue_lets_a_job_go() -> None:
    """With a queue, a Job waits for it, and says which."""
    job = kubernetes_job(REQUEST, BLOB, STORE, job_settings(queue="gpus"))
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
