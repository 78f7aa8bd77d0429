"""Training jobs as child processes: the JobRunner of one machine."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from services.trainer.manifest import STAGES, encode_request, process_command
from services.trainer.speech import LOG_BYTES, TAIL_BYTES, failed, failure, last_lines, last_words, progress
from synres.errors import Overloaded
from synres.ledger.ledger import Ledger
from synres.ports import JobStatus, ShardRequest

_RETRY_S = 2.0
_ENDED_KEPT = 32
"""Somebody may still ask what became of them; each keeps a file open."""


@dataclass(frozen=True, slots=True)
class _Job:
    process: subprocess.Popen[bytes]
    speech: IO[bytes]
    wanted_by: set[str]

    @property
    def runs(self) -> bool:
        return self.process.poll() is None


class SubprocessJobs:
    """At most `max_jobs` at a time, over the store of `ledger`. Children end when this process does.

    `environment` is the children's whole environment, with the keys of the store; None: this process's. A job
    is `processes` of them.
    """

    def __init__(
        self,
        ledger: Ledger,
        max_jobs: int = 2,
        environment: Mapping[str, str] | None = None,
        processes: int = 1,
    ) -> None:
        self._ledger = ledger
        self._processes = processes
        self._max_jobs = max_jobs
        self._environment = environment
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()

    def submit(self, request: ShardRequest) -> None:
        with self._lock:
            if self._is_running(request.action):
                self._jobs[request.action].wanted_by.add(request.run)
                return
            if self._has_record(request.action):
                return
            if sum(job.runs for job in self._jobs.values()) >= self._max_jobs:
                raise Overloaded(f"{self._max_jobs} training jobs run already", retry_after_s=_RETRY_S)
            self._forget(request.action)
            self._forget_oldest()
            self._jobs[request.action] = self._start(request)

    def status(self, action: str) -> JobStatus:
        with self._lock:
            job = self._jobs.get(action)
            if job is not None and job.runs:
                return progress(_last_words(job))
            if self._has_record(action):
                return JobStatus("succeeded", 1.0)
            if job is None:
                return failed("no such job runs here; its service died under it: submit it again")
            return failure(_last_words(job), _cause(job.process.returncode))

    def cancel(self, action: str, run: str = "") -> None:
        with self._lock:
            job = self._jobs.get(action)
            if job is not None:
                job.wanted_by.discard(run)
                if not job.wanted_by:
                    self._forget(action)

    def log(self, action: str) -> list[str]:
        with self._lock:
            job = self._jobs.get(action)
            return last_lines(_end(job, LOG_BYTES)) if job else []

    def close(self) -> None:
        """Stops every job; the service is going."""
        with self._lock:
            for action in list(self._jobs):
                self._forget(action)

    def _start(self, request: ShardRequest) -> _Job:
        blob = self._ledger.put_blob(encode_request(request), "application/json")
        command = process_command(blob.digest, self._ledger.store.url, self._processes)
        # an unnamed file: nobody must read along for the child to go on, and nothing is left behind
        speech = tempfile.TemporaryFile()  # noqa: SIM115
        # a session of its own: Ctrl-C is for us alone, and the job ends when its standard input closes
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=speech,
            env=self._environment,
            start_new_session=True,
        )
        return _Job(process, speech, {request.run})

    def _forget(self, action: str) -> None:
        job = self._jobs.pop(action, None)
        if job is None:
            return
        job.process.kill()
        job.process.wait()
        job.speech.close()
        if job.process.stdin:
            job.process.stdin.close()

    def _forget_oldest(self) -> None:
        ended = [action for action, job in self._jobs.items() if not job.runs]
        for action in ended[:-_ENDED_KEPT]:
            self._forget(action)

    def _is_running(self, action: str) -> bool:
        return action in self._jobs and self._jobs[action].runs

    def _has_record(self, action: str) -> bool:
        return any(self._ledger.find_record(stage, action) for stage in STAGES)


def _last_words(job: _Job) -> Mapping[str, Any]:
    return last_words(_end(job, TAIL_BYTES))


def _end(job: _Job, max_bytes: int) -> bytes:
    size = os.fstat(job.speech.fileno()).st_size
    return os.pread(job.speech.fileno(), max_bytes, max(0, size - max_bytes))


def _cause(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
