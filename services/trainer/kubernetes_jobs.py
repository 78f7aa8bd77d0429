"""Training jobs as Jobs of Kubernetes. It keeps nothing: the cluster knows what runs, and for whom."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from services.trainer.job_settings import JobSettings, Json
from services.trainer.job_states import is_going, is_over, narrator, speakers, status_of
from services.trainer.kubernetes_api import KubernetesApi
from services.trainer.manifest import JOBS_LABEL, STAGES, encode_request, job_name, kubernetes_job
from services.trainer.speech import LOG_BYTES, TAIL_BYTES, Words, failed, last_lines, last_words
from synres.errors import Overloaded
from synres.ledger.ledger import Ledger
from synres.ports import JobStatus, ShardRequest

_WANTED_BY = "wanted-by.synres/"
_RETRY_S = 2.0
_LOG_LINES = 500


class KubernetesJobs:
    """Over the store of `ledger`, which pods reach by the same URL. Safe in several processes at a time.

    `owners`: owner references of every Job; with the last of them it goes.
    """

    def __init__(
        self, ledger: Ledger, settings: JobSettings, api: KubernetesApi, owners: Sequence[Json] = ()
    ) -> None:
        self._ledger, self._settings, self._api = ledger, settings, api
        self._owners = list(owners)

    def submit(self, request: ShardRequest) -> None:
        name = job_name(request.action, self._settings)
        job = self._api.job(name)
        if job is None or is_over(job):
            if self._has_record(request.action) or self._start(request, job):
                return
            job = self._api.job(name)
        if job is None or is_over(job) or is_going(job) or not self._want(name, request.run):
            raise Overloaded("the last Job of this training is on its way out", _RETRY_S)

    def status(self, action: str) -> JobStatus:
        job = self._api.job(job_name(action, self._settings))
        if (job is None or is_over(job)) and self._has_record(action):
            return JobStatus("succeeded", 1.0)
        if job is None:
            return failed("no Job of this training is there: it was deleted or is long over; submit it again")
        pods = self._api.pods(job)
        return status_of(job, pods, self._words(job, pods))

    def cancel(self, action: str, run: str = "") -> None:
        name = job_name(action, self._settings)
        job = self._api.annotate_job(name, {_wanted_by(run): None})
        while job is not None and not is_over(job) and not _is_wanted(job):
            if self._api.delete_job(job):
                return
            job = self._api.job(name)

    def log(self, action: str) -> list[str]:
        """Of the pod that was made last, of those that are the first of their Job."""
        job = self._api.job(job_name(action, self._settings))
        pod = narrator(self._api.pods(job)) if job else None
        return last_lines(self._api.log(pod, LOG_BYTES, _LOG_LINES)) if pod else []

    def _start(self, request: ShardRequest, ended: Json | None) -> bool:
        """False if another made the Job in the meantime, or the `ended` one is still there."""
        self._check_room()
        if ended is not None and not self._api.delete_job(ended):
            return False
        blob = self._ledger.put_blob(encode_request(request), "application/json")
        job = kubernetes_job(request, blob.digest, self._ledger.store.url, self._settings)
        job["metadata"]["annotations"] |= {_wanted_by(request.run): request.run}
        job["metadata"]["ownerReferences"] = self._owners
        return self._api.create_job(job)

    def _want(self, name: str, run: str) -> bool:
        """False if the Job is gone."""
        return self._api.annotate_job(name, {_wanted_by(run): run}) is not None

    def _words(self, job: Json, pods: list[Json]) -> Words:
        return last_words(b"\n".join(self._api.log(pod, TAIL_BYTES) for pod in reversed(speakers(job, pods))))

    def _check_room(self) -> None:
        jobs = self._api.jobs(f"{JOBS_LABEL}={self._settings.name_prefix}")
        if sum(not is_over(job) for job in jobs) >= self._settings.max_jobs:
            raise Overloaded(f"{self._settings.max_jobs} training jobs run already", _RETRY_S)

    def _has_record(self, action: str) -> bool:
        return any(self._ledger.find_record(stage, action) for stage in STAGES)


def _wanted_by(run: str) -> str:
    """A run's name may hold what an annotation's may not."""
    return _WANTED_BY + hashlib.sha256(run.encode()).hexdigest()[:16]


def _is_wanted(job: Json) -> bool:
    return any(key.startswith(_WANTED_BY) for key in job["metadata"].get("annotations") or ())
