"""As much of a Kubernetes as the trainer uses: an API server over HTTP, a Job controller, a node.

Its pods are real processes, run as their container says, and its answers are the JSON that a real server
sends. What the trainer's Role does not allow is refused with 403. No image is looked into: those of `images`
can be pulled.
"""

from __future__ import annotations

import copy
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

Json = dict[str, Any]
ROLE = {
    ("create", "jobs"), ("get", "jobs"), ("list", "jobs"), ("patch", "jobs"), ("delete", "jobs"),
    ("list", "pods"), ("get", "pods/log"),
}  # fmt: skip
"""All that the trainer needs: the chart's Role must hold it."""
INDEX = "batch.kubernetes.io/job-completion-index"
IMAGE = "synres-trainer:test"


@dataclass
class Process:
    """A container that runs, or has run."""

    process: subprocess.Popen[bytes]
    speech: IO[bytes]


@dataclass
class FakeKubernetes:
    """The state behind the API. `allowed` are verbs on resources; `down` makes every answer a 503."""

    images: set[str] = field(default_factory=lambda: {IMAGE})
    gpus: int = 0
    allowed: set[tuple[str, str]] = field(default_factory=lambda: set(ROLE))
    job_quota: int = 100
    down: bool = False
    jobs: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, Json] = field(default_factory=dict)
    asked: set[tuple[str, str]] = field(default_factory=set)
    created: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self._more_pods = threading.Condition(self.lock)
        self._processes: dict[str, Process] = {}
        self._version = 0

    # what the API server does

    def create_job(self, job: Json) -> Json:
        """Raises Refused as the API server would."""
        name, spec = job["metadata"]["name"], job["spec"]
        if name in self.jobs:
            raise Refused(409, f'jobs.batch "{name}" already exists', "AlreadyExists")
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
            raise Refused(422, f'Job.batch "{name}" is invalid: metadata.name', "Invalid")
        if len(self.jobs) >= self.job_quota:
            raise Refused(403, f'jobs.batch "{name}" is forbidden: exceeded quota: jobs', "Forbidden")
        if "podFailurePolicy" in spec and spec["template"]["spec"].get("restartPolicy") != "Never":
            raise Refused(422, "only restartPolicy Never is supported with podFailurePolicy", "Invalid")
        self.created.append(copy.deepcopy(job))
        job["metadata"] |= {"uid": str(uuid.uuid4())}
        job["status"] = {}
        self.jobs[name] = job
        self._touch(job)
        self._reconcile(job)
        return job

    def patch_job(self, name: str, patch: Json) -> Json:
        job = self.jobs[name]
        annotations = job["metadata"].setdefault("annotations", {})
        for key, value in patch["metadata"]["annotations"].items():
            annotations.pop(key, None)
            if value is not None:
                annotations[key] = value
        self._touch(job)
        return job

    def delete_job(self, name: str, options: Json) -> Json:
        job = self.jobs[name]
        for part, value in (options.get("preconditions") or {}).items():
            if job["metadata"][part] != value:
                raise Refused(409, f"the {part} in the precondition is not the object's", "Conflict")
        del self.jobs[name]
        for pod in self._pods_of(job):
            self._remove(pod)
        return {"kind": "Status", "status": "Success"}

    def log(self, name: str) -> bytes:
        if name not in self.pods:
            raise Refused(404, f'pods "{name}" not found', "NotFound")
        if name not in self._processes:
            raise Refused(400, f'container "training" in pod "{name}" is waiting to start', "BadRequest")
        speech = self._processes[name].speech
        return os.pread(speech.fileno(), 1 << 20, 0)

    # what happens in a cluster

    def evict(self, job_name: str) -> None:
        """A drain takes the node of its pod."""
        with self.lock:
            for pod in self._pods_of(self.jobs[job_name]):
                if pod["status"]["phase"] == "Running":
                    reason = {"reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}
                    pod["status"]["conditions"].append(
                        {"type": "DisruptionTarget", "status": "True"} | reason
                    )
                    self._processes[pod["metadata"]["name"]].process.kill()

    def wait_for_pods(self, count: int) -> None:
        """Until so many were made, the ended ones too."""
        with self.lock:
            assert self._more_pods.wait_for(lambda: len(self.pods) >= count, timeout=30)

    def pass_deadline(self, job_name: str) -> None:
        """As if `activeDeadlineSeconds` were over."""
        with self.lock:
            self._fail(self.jobs[job_name], "DeadlineExceeded", "Job was active too long")

    def end_pods(self, job_name: str, exit_code: int, reason: str = "Error") -> None:
        """As if its containers had ended so."""
        with self.lock:
            for pod in self._pods_of(self.jobs[job_name]):
                if pod["status"]["phase"] == "Running":
                    self._kill(pod)
                    self._ended(pod, exit_code, reason)

    def let_go(self, job_name: str) -> None:
        """What Kueue does when there is room."""
        with self.lock:
            self.jobs[job_name]["spec"]["suspend"] = False
            self._touch(self.jobs[job_name])
            self._reconcile(self.jobs[job_name])

    def close(self) -> None:
        """Ends every pod."""
        with self.lock:
            self.jobs.clear()
            for pod in list(self.pods.values()):
                self._remove(pod)

    # the Job controller

    def _reconcile(self, job: Json) -> None:
        if job["spec"].get("suspend") or job["status"].get("conditions"):
            return
        mine = self._pods_of(job)
        for index in range(job["spec"].get("completions", 1)):
            if not any(_index(pod) == index and pod["status"]["phase"] != "Failed" for pod in mine):
                self._make_pod(job, index)

    def _ended(self, pod: Json, exit_code: int, reason: str) -> None:
        status = pod["status"]
        status["phase"] = "Failed" if exit_code else "Succeeded"
        ended = {"exitCode": exit_code, "reason": reason if exit_code else "Completed"}
        status["containerStatuses"] = [{"name": "training", "state": {"terminated": ended}}]
        job = next((j for j in self.jobs.values() if j["metadata"]["uid"] == _owner(pod)), None)
        if job is None or job["status"].get("conditions"):
            return
        if not exit_code:
            done = {_index(each) for each in self._pods_of(job) if each["status"]["phase"] == "Succeeded"}
            if len(done) == job["spec"].get("completions", 1):
                self._conclude(job, "Complete", "CompletionsReached", "")
            return
        action = _action_of(job, pod, exit_code)
        if action == "FailJob":
            self._fail(job, "PodFailurePolicy", f"container exited with {exit_code}")
            return
        if action != "Ignore":
            job["status"]["failed"] = job["status"].get("failed", 0) + 1
        if job["status"].get("failed", 0) > job["spec"]["backoffLimit"]:
            self._fail(job, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
            return
        self._touch(job)
        self._reconcile(job)

    def _fail(self, job: Json, reason: str, message: str) -> None:
        self._conclude(job, "Failed", reason, message)
        for pod in self._pods_of(job):
            if pod["status"]["phase"] not in ("Failed", "Succeeded"):
                self._remove(pod)

    def _conclude(self, job: Json, kind: str, reason: str, message: str) -> None:
        job["status"]["conditions"] = [{"type": kind, "status": "True", "reason": reason, "message": message}]
        self._touch(job)

    def _pods_of(self, job: Json) -> list[Json]:
        return [pod for pod in self.pods.values() if _owner(pod) == job["metadata"]["uid"]]

    def _touch(self, job: Json) -> None:
        self._version += 1
        job["metadata"]["resourceVersion"] = str(self._version)

    # the scheduler and the kubelet

    def _make_pod(self, job: Json, index: int) -> None:
        self._version += 1
        name = f"{job['metadata']['name']}-{index}-{self._version}"
        template = copy.deepcopy(job["spec"]["template"])
        labels = {"job-name": job["metadata"]["name"], "controller-uid": job["metadata"]["uid"]}
        pod = {
            "metadata": {
                "name": name,
                "creationTimestamp": f"2030-01-01T00:00:00.{self._version:06d}Z",
                "labels": template["metadata"]["labels"] | labels,
                "annotations": template["metadata"].get("annotations", {}) | {INDEX: str(index)},
            },
            "spec": template["spec"],
            "status": {"phase": "Pending", "conditions": []},
        }
        self.pods[name] = pod
        self._more_pods.notify_all()
        container = template["spec"]["containers"][0]
        gpus = int(container.get("resources", {}).get("limits", {}).get("nvidia.com/gpu", 0))
        if gpus > self.gpus:
            message = f"0/1 nodes are available: 1 Insufficient nvidia.com/gpu ({gpus} asked)."
            unplaced = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            pod["status"]["conditions"] = [unplaced | {"message": message}]
        elif container["image"] not in self.images:
            waiting = {
                "reason": "ImagePullBackOff",
                "message": f'Back-off pulling image "{container["image"]}"',
            }
            pod["status"]["containerStatuses"] = [{"name": "training", "state": {"waiting": waiting}}]
        else:
            self._run(pod, container, index)

    def _run(self, pod: Json, container: Json, index: int) -> None:
        given = {each["name"]: each["value"] for each in container.get("env", ())}
        given["JOB_COMPLETION_INDEX"] = str(index)
        words = [*container["command"], *container.get("args", ())]
        command = [re.sub(r"\$\((\w+)\)", lambda found: given[found[1]], word) for word in words]
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
        speech = tempfile.TemporaryFile()  # noqa: SIM115
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=speech,
            env=os.environ | {"PATH": path} | given,
            cwd=Path(__file__).parents[1],
            start_new_session=True,
        )
        self._processes[pod["metadata"]["name"]] = Process(process, speech)
        pod["status"]["phase"] = "Running"
        pod["status"]["containerStatuses"] = [{"name": "training", "state": {"running": {}}}]
        threading.Thread(target=self._watch, args=(pod, process), daemon=True).start()

    def _watch(self, pod: Json, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        with self.lock:
            if pod["metadata"]["name"] in self.pods and pod["status"]["phase"] == "Running":
                self._ended(pod, code if code >= 0 else 128 - code, "Error")

    def _kill(self, pod: Json) -> None:
        running = self._processes.get(pod["metadata"]["name"])
        if running and running.process.poll() is None:
            os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()

    def _remove(self, pod: Json) -> None:
        name = pod["metadata"]["name"]
        self._kill(pod)
        self.pods.pop(name, None)
        ended = self._processes.pop(name, None)
        if ended:
            ended.speech.close()


class Refused(Exception):
    """An answer that is a Status."""

    def __init__(self, code: int, message: str, reason: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason,
            "code": code,
        }  # fmt: skip


def _index(pod: Json) -> int:
    return int(pod["metadata"]["annotations"][INDEX])


def _owner(pod: Json) -> str:
    return str(pod["metadata"]["labels"]["controller-uid"])


def _action_of(job: Json, pod: Json, exit_code: int) -> str:
    """By the first rule of its podFailurePolicy that fits."""
    held = {(c["type"], c["status"]) for c in pod["status"]["conditions"]}
    for rule in job["spec"].get("podFailurePolicy", {}).get("rules", ()):
        if any((c["type"], c["status"]) in held for c in rule.get("onPodConditions", ())):
            return str(rule["action"])
        if exit_code in rule.get("onExitCodes", {}).get("values", ()):
            return str(rule["action"])
    return "Count"
