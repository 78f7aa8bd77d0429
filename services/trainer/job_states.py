"""What a Job and its pods, as the Kubernetes API tells of them, mean for who waits: pure, over plain JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.trainer.job_settings import Json
from services.trainer.speech import Words, failure, progress
from synres.ports import JobStatus

_INDEX = "batch.kubernetes.io/job-completion-index"
_SIGNALLED = 128
_LONGEST = 400  # characters of what Kubernetes says; schedulers list every node
_NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
_NO_START = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


def is_over(job: Json) -> bool:
    return _ended(job) is not None


def is_going(job: Json) -> bool:
    """Somebody deleted it, and its name is not free yet."""
    return "deletionTimestamp" in job["metadata"]


def speakers(job: Json, pods: Iterable[Json]) -> list[Json]:
    """Pods whose last words count: of a failed Job whatever failed last, else who is at work as pod 0."""
    if is_over(job):
        return [pod for pod in _newest(pods) if _phase(pod) == "Failed"]
    first = narrator(pods)
    return [first] if first and "waiting" not in _container(first) and _container(first) else []


def narrator(pods: Iterable[Json]) -> Json | None:
    """The pod whose log is the Job's: its pod 0, and the newest of these."""
    return next((pod for pod in _newest(pods) if _index(pod) == "0"), None)


def status_of(job: Json, pods: list[Json], words: Words) -> JobStatus:
    """`words` are the last ones of the `speakers`. A Job that waits is running, and says what for."""
    ended = _ended(job)
    if ended is not None and ended["type"] == "Complete":
        return JobStatus("succeeded", 1.0)
    if ended is not None:
        return failure(words, _cause_of_job(job, ended, pods))
    waits = _waits_for(job, pods)
    if waits:
        return JobStatus("running", message=waits[:_LONGEST])
    return progress(words)


def _newest(pods: Iterable[Json]) -> list[Json]:
    return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)


def _ended(job: Json) -> Json | None:
    return next((each for each in _conditions(job) if each["type"] in ("Complete", "Failed")), None)


def _conditions(thing: Json) -> list[Json]:
    """Those that hold."""
    conditions = thing.get("status", {}).get("conditions") or ()
    return [each for each in conditions if each.get("status") == "True"]


def _cause_of_job(job: Json, ended: Json, pods: list[Json]) -> str:
    if ended.get("reason") == "DeadlineExceeded":
        return f"it took longer than activeDeadlineSeconds, {job['spec']['activeDeadlineSeconds']}"
    last = speakers(job, pods)
    if last:
        return _cause_of_pod(last[0])
    return f"{ended.get('reason', 'Failed')}: {ended.get('message', 'without a word')}"[:_LONGEST]


def _cause_of_pod(pod: Json) -> str:
    status, ended = pod.get("status", {}), _container(pod).get("terminated", {})
    if ended.get("reason") == "OOMKilled":
        return "out of memory: the limit in the Job settings, training.resources, is too low"
    moved = next((each for each in _conditions(pod) if each["type"] == "DisruptionTarget"), None)
    if status.get("reason") == "Evicted" or moved:
        why = status.get("message") or (moved or {}).get("message") or (moved or {}).get("reason", "")
        return f"evicted from its node: {why}"[:_LONGEST]
    code = int(ended.get("exitCode", -1))
    if code > _SIGNALLED:
        return f"signal {code - _SIGNALLED}"
    if code >= 0:
        return f"exit code {code}"
    return str(status.get("message") or status.get("reason") or "unknown")


def _waits_for(job: Json, pods: list[Json]) -> str:
    """Why nobody is at work, "" if somebody is."""
    if job["spec"].get("suspend"):
        return "the Job is suspended: its queue has not let it go yet"
    if not pods:
        return f"no pod is made yet; `kubectl describe job {job['metadata']['name']}` says why"
    troubles = [trouble for pod in pods if (trouble := _trouble(pod))]
    if troubles:
        return troubles[0]
    at_work = [pod for pod in pods if _phase(pod) in ("Running", "Succeeded")]
    if at_work:
        return ""
    lost = [pod for pod in pods if _phase(pod) == "Failed"]
    if not lost:
        return "the pod starts"
    cause = _cause_of_pod(lost[-1])
    return f"the pod starts after a pod that died ({cause}); it resumes from its last checkpoint"


def _trouble(pod: Json) -> str:
    if _phase(pod) != "Pending":
        return ""
    waiting = _container(pod).get("waiting", {})
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in _NO_IMAGE:
        image = pod["spec"]["containers"][0]["image"]
        return f"image {image} cannot be pulled; see training.image and imagePullSecrets: {message or reason}"
    if reason in _NO_START:
        return f"the pod cannot start: {message or reason}"
    placed = _condition(pod, "PodScheduled")
    if placed.get("status") == "False":
        why = placed.get("message") or placed.get("reason", "")
        return (
            "no node is free for the pod, which starts as soon as one is; see training.resources,"
            f" nodeSelector and tolerations: {why}"
        )
    return ""


def _condition(pod: Json, kind: str) -> Json:
    conditions: list[Json] = pod.get("status", {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})


def _container(pod: Json) -> dict[str, Any]:
    """The state of its only container, {} before there is one."""
    containers = pod.get("status", {}).get("containerStatuses") or [{}]
    return dict(containers[0].get("state") or {})


def _phase(pod: Json) -> str:
    return str(pod.get("status", {}).get("phase", "Pending"))


def _index(pod: Json) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(_INDEX, "0"))
