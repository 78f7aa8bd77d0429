"""What a training job is, before anything runs it: pure, and the same for a process and for a cluster.

The request is a blob: a manifest stays small however many inputs it has, and a person can run a job by hand.
What is run and where comes from the deployment, never from the request (who may choose a command may run
anything).
"""

from __future__ import annotations

import sys

import msgspec

from services.trainer.job_settings import JobSettings, Json
from synres.ledger.keys import check_digest
from synres.ports import ShardRequest
from synres.typed_json import decode_json

STAGES = ("train", "evaluate")
CONTAINER = "training"
JOBS_LABEL = "synres/jobs"
"""On every Job of one trainer; the value is its name prefix."""
STAGE_LABEL = "synres/stage"
ACTION = "synres/action"
FINAL_EXIT_CODES = (2, 3, 6)
"""`exit_code` of InvalidInput, BackendUnavailable and RunStopped: the same again would end the same."""


def encode_request(request: ShardRequest) -> bytes:
    return msgspec.json.encode(request, order="sorted")


def decode_request(data: bytes) -> ShardRequest:
    """The inverse of `encode_request`."""
    return decode_json(data, ShardRequest)


def process_command(request_digest: str, store_url: str, processes: int = 1) -> tuple[str, ...]:
    """A job as a child process, or as several under torchrun: it ends when its standard input closes."""
    job = (sys.executable, "-m", "services.trainer.job", "--tied", store_url, request_digest)
    if processes == 1:
        return job
    together = (
        "-m",
        "services.trainer.torchrun",
        "--standalone",
        f"--nproc-per-node={processes}",
        "--no-python",
    )
    return (sys.executable, *together, *job)


def job_name(action: str, settings: JobSettings) -> str:
    """One for each action, so that submitting twice is one Job. With a pod's index it is a host name.

    Raises InvalidInput for an action that is no digest: it becomes a part of paths of the Kubernetes API.
    """
    return f"{settings.name_prefix}-job-{check_digest(action)[:16]}"


def kubernetes_job(request: ShardRequest, request_digest: str, store_url: str, settings: JobSettings) -> Json:
    """The batch/v1 Job of `request`, whose `encode_request` lies in that store as `request_digest`.

    Only the names of stage and action come from the request, all else from the deployment.
    """
    name = job_name(request.action, settings)
    own = {JOBS_LABEL: settings.name_prefix, STAGE_LABEL: request.stage}
    queue = {"kueue.x-k8s.io/queue-name": settings.queue} if settings.queue else {}
    annotations = {ACTION: request.action}
    pod = _pod(name, (store_url, request_digest), settings)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": settings.namespace,
            "labels": settings.labels | own | queue,
            "annotations": annotations,
        },
        "spec": _policy(settings)
        | {
            "template": {
                "metadata": {
                    "labels": settings.labels | own,
                    "annotations": settings.annotations | annotations,
                },
                "spec": pod,
            }
        },
    }


def _policy(settings: JobSettings) -> Json:
    return {
        "completionMode": "Indexed",
        "completions": settings.nodes,
        "parallelism": settings.nodes,
        # Kueue lets it go
        **({"suspend": True} if settings.queue else {}),
        # when one pod of a training fails, the others fail with it
        "backoffLimit": settings.backoff_limit * settings.nodes,
        "activeDeadlineSeconds": settings.active_deadline_seconds,
        "ttlSecondsAfterFinished": settings.ttl_seconds_after_finished,
        "podFailurePolicy": {
            "rules": [
                # preempted, drained, evicted: it resumes from its checkpoint, and nobody is to blame
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": CONTAINER,
                        "operator": "In",
                        "values": list(FINAL_EXIT_CODES),
                    },
                },
            ]
        },
    }


def _pod(name: str, arguments: tuple[str, ...], settings: JobSettings) -> Json:
    container = {
        "name": CONTAINER,
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": list(_command(name, settings)),
        "args": list(arguments),
        "env": list(settings.env),
        "envFrom": list(settings.env_from),
        "resources": settings.resources,
        # `kubectl describe pod` shows its last words
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": settings.container_security_context,
        "volumeMounts": list(settings.volume_mounts),
    }
    chosen = {
        "nodeSelector": settings.node_selector,
        "tolerations": list(settings.tolerations),
        "affinity": settings.affinity,
        "priorityClassName": settings.priority_class_name,
        "runtimeClassName": settings.runtime_class_name,
        "subdomain": settings.subdomain,
        "imagePullSecrets": [{"name": secret} for secret in settings.image_pull_secrets],
        "volumes": list(settings.volumes),
    }
    return {
        "restartPolicy": "Never",
        "serviceAccountName": settings.service_account_name,
        "automountServiceAccountToken": False,
        # the variables of Services would be taken for settings
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": settings.termination_grace_period_seconds,
        "securityContext": settings.pod_security_context,
        **{field: value for field, value in chosen.items() if value},
        "containers": [{field: value for field, value in container.items() if value}],
    }


def _command(name: str, settings: JobSettings) -> tuple[str, ...]:
    if settings.nodes * settings.processes_per_node == 1:
        return settings.command
    # pod 0 is where they meet; the controller gives each pod its index
    place: tuple[str, ...] = ("--standalone",)
    if settings.nodes > 1:
        place = (
            "--node-rank=$(JOB_COMPLETION_INDEX)",
            f"--master-addr={name}-0.{settings.subdomain}",
            f"--master-port={settings.rendezvous_port}",
        )
    return (
        *("python", "-m", "services.trainer.torchrun"),
        *(f"--nnodes={settings.nodes}", f"--nproc-per-node={settings.processes_per_node}", *place),
        *("--no-python", *settings.command),
    )
