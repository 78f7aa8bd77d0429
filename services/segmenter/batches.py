"""One thread at the model: what waits when the model becomes free is its next batch.

Online pictures only meet each other here; a shard's never come this way.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from services.segmenter.admission import Work, work_of
from synres import telemetry
from synres.domain.types import Expression
from synres.errors import CallCancelled, DeadlineExceeded
from synres.ports import Image, ScoredMask, Segmenter
from synres.rpc.calls import ModelCalls

MAX_BATCH_PIXELS = 1 << 27
"""Of all masks of one batch: a model holds four bytes for each."""


@dataclass(frozen=True, slots=True)
class Guessed:
    """`model_s`: seconds of the batch that it came in, which was so much `work`; a picture counts as often as
    it was sent, since each of its callers decodes it."""

    masks: list[ScoredMask]
    started_s: float
    model_s: float
    work: Work


@dataclass(eq=False, slots=True)
class Job:
    """`digest` is equal for equal pictures. Times are of `time.monotonic`."""

    segmenter: Segmenter
    image: Image
    digest: str
    expressions: Sequence[Expression]
    deadline_s: float
    is_abandoned: Callable[[], bool]
    outcome: Future[Guessed] = field(default_factory=Future)

    @property
    def pixels(self) -> int:
        return self.image.shape[0] * self.image.shape[1]

    def is_wanted(self) -> bool:
        """Tells the caller so if not; what is wanted can no longer be cancelled."""
        if not self.outcome.set_running_or_notify_cancel():
            return False
        if time.monotonic() >= self.deadline_s:
            self.outcome.set_exception(DeadlineExceeded("the deadline passed before the model was free"))
        elif self.is_abandoned():
            self.outcome.set_exception(CallCancelled("the caller went away"))
        return not self.outcome.done()


class ModelQueue:
    """`calls`: whose turn it is at models that take one call at a time."""

    def __init__(self, calls: ModelCalls, max_pictures: int) -> None:
        self._calls, self._max_pictures = calls, max_pictures
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._thread = ThreadPoolExecutor(1, "segmenter-model")
        self._sizes = telemetry.BATCH_SIZE.labels("segmenter")

    def put(self, job: Job) -> None:
        """Its outcome comes by itself."""
        with self._lock:
            self._waiting.append(job)
        self._thread.submit(self._turn)

    def drop(self, job: Job) -> None:
        """It is no longer waited for: if the model has not begun with it, its picture is let go."""
        job.outcome.cancel()
        with self._lock:
            if job in self._waiting:
                self._waiting.remove(job)

    def close(self) -> None:
        """After the last call."""
        self._thread.shutdown()

    def _turn(self) -> None:
        with self._lock:
            first = self._waiting[0] if self._waiting else None
        if first is not None:
            # shards have their turns too; who comes meanwhile joins this batch
            with self._calls.online_turn(first.segmenter):
                jobs = [job for job in self._take(first.segmenter) if job.is_wanted()]
                if jobs:
                    _compute(first.segmenter, jobs)
                    self._sizes.observe(len({job.digest for job in jobs}))

    def _take(self, segmenter: Segmenter) -> list[Job]:
        """The first jobs for this model, as many as one batch may have."""
        with self._lock:
            taken: list[Job] = []
            pixels = 0
            for job in [job for job in self._waiting if job.segmenter is segmenter][: self._max_pictures]:
                pixels += job.pixels * len(job.expressions)
                if taken and pixels > MAX_BATCH_PIXELS:
                    break
                taken.append(job)
                self._waiting.remove(job)
        if self._waiting:
            self._thread.submit(self._turn)
        return taken


def _compute(segmenter: Segmenter, jobs: Sequence[Job]) -> None:
    try:
        found = _compute_together(segmenter, jobs)
    except Exception as error:  # noqa: BLE001 - whatever it is, its callers wait for it
        if len(jobs) == 1:
            jobs[0].outcome.set_exception(error)
            return
        # what is wrong with one is not the others' fault
        for job in jobs:
            _compute(segmenter, [job])
        return
    for job, guessed in zip(jobs, found, strict=True):
        job.outcome.set_result(guessed)


def _compute_together(segmenter: Segmenter, jobs: Sequence[Job]) -> list[Guessed]:
    # with the answer's form given, GSVA reads what is asked of a picture as one list: not two callers' in one
    is_listed = getattr(segmenter, "protocol", "") == "teacher_forced"
    keys = [str(number) if is_listed else job.digest for number, job in enumerate(jobs)]
    same: dict[str, list[Job]] = {}
    for key, job in zip(keys, jobs, strict=True):
        same.setdefault(key, []).append(job)
    asked = [(group[0].image, [e for job in group for e in job.expressions]) for group in same.values()]
    started_s = time.monotonic()
    found = segment_pictures(segmenter, asked)
    took_s = time.monotonic() - started_s
    work = work_of((job.pixels, len(job.expressions)) for job in jobs)
    masks = {key: iter(each) for key, each in zip(same, found, strict=True)}
    return [
        Guessed(list(islice(masks[key], len(job.expressions))), started_s, took_s, work)
        for key, job in zip(keys, jobs, strict=True)
    ]


def segment_pictures(
    segmenter: Segmenter, asked: Sequence[tuple[Image, Sequence[Expression]]]
) -> list[list[ScoredMask]]:
    """By the segmenter's own `segment_batch`, if it can draw several pictures at once; else in turn."""
    together = getattr(segmenter, "segment_batch", None)
    if together is None:
        return [segmenter.segment(image, expressions) for image, expressions in asked]
    found: list[list[ScoredMask]] = together(asked)
    return found
