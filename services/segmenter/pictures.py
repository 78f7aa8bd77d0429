"""The way of pictures to the model and back: decoded, queued, waited for, measured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.segmenter.admission import Room, WorkAdmission
from services.segmenter.answers import FoundMask, SegmentAnswer, SegmentCall, Timings
from services.segmenter.batches import Guessed, Job, ModelQueue
from synres import telemetry
from synres.data.images import OpenedImage
from synres.domain.digests import digest_bytes
from synres.domain.masks import measure_mask, union
from synres.domain.types import Rle
from synres.errors import CallCancelled, DeadlineExceeded, SynresError
from synres.ports import ScoredMask, Segmenter

_PLACE_BYTES = 2**22


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that may go on: within the limits, its model loaded, its picture's header read."""

    call: SegmentCall
    opened: OpenedImage
    segmenter: Segmenter
    deadline_s: float
    request_id: str
    received_s: float

    @property
    def bytes(self) -> int:
        """Of the decoded picture and its masks."""
        return max(self.opened.pixels * (3 + len(self.call.expressions)), _PLACE_BYTES)


@dataclass(frozen=True, slots=True)
class _Queued:
    prepared: Prepared
    job: Job
    waited_s: float
    decode_s: float
    put_s: float


class Pictures:
    """Decodes a few ahead of the model, so that memory is bounded and the model does not wait."""

    def __init__(self, queue: ModelQueue, admission: WorkAdmission, places: int) -> None:
        self._queue, self._admission = queue, admission
        self._room = Room(places * _PLACE_BYTES)
        self._wait = telemetry.QUEUE_SECONDS.labels("segmenter")

    def answer(self, asked: Sequence[Prepared], deadline_s: float) -> list[SegmentAnswer | SynresError]:
        """In the order of `asked`. Raises DeadlineExceeded; what is wrong with one picture is its answer."""
        answers: list[SegmentAnswer | SynresError] = []
        for some in self._that_fit(asked):
            with self._room.taken(sum(each.bytes for each in some), deadline_s - time.monotonic()):
                queued = [self._enqueue(each) for each in some]
                answers += [each if isinstance(each, SynresError) else self._collect(each) for each in queued]
        return answers

    def _that_fit(self, asked: Sequence[Prepared]) -> list[list[Prepared]]:
        """As many at a time as have room together."""
        parts: list[list[Prepared]] = [[]]
        free = self._room.size
        for each in asked:
            if parts[-1] and each.bytes > free:
                parts.append([])
                free = self._room.size
            parts[-1].append(each)
            free -= each.bytes
        return parts

    def _enqueue(self, prepared: Prepared) -> _Queued | SynresError:
        started_s, cpu_s = time.monotonic(), time.thread_time()
        call = prepared.call
        if call.is_abandoned():
            return CallCancelled("the caller went away")
        try:
            with telemetry.span("preprocess"):
                image = prepared.opened.upright()
        except SynresError as error:
            return error
        job = Job(
            prepared.segmenter,
            image,
            call.digest or digest_bytes(call.image),
            call.expressions,
            prepared.deadline_s,
            call.is_abandoned,
        )
        self._queue.put(job)
        return _Queued(
            prepared, job, started_s - prepared.received_s, time.thread_time() - cpu_s, time.monotonic()
        )

    def _collect(self, queued: _Queued) -> SegmentAnswer | SynresError:
        job = queued.job
        try:
            with telemetry.span("model"):
                guessed = job.outcome.result(max(0.0, queued.prepared.deadline_s - time.monotonic()))
        except TimeoutError:
            self._queue.drop(job)
            return DeadlineExceeded("the deadline passed while the call waited for the model")
        except SynresError as error:
            return error
        return self._finish(queued, guessed)

    def _finish(self, queued: _Queued, guessed: Guessed) -> SegmentAnswer:
        started_s, cpu_s = time.monotonic(), time.thread_time()
        with telemetry.span("postprocess"):
            masks = _measured(queued.prepared.call.expressions, guessed.masks)
            merged = merged_mask([found.mask for found in masks])
        own_s = queued.decode_s + time.thread_time() - cpu_s
        self._admission.learn(guessed.work, guessed.model_s + guessed.work[0] * own_s)
        queue_s = queued.waited_s + max(0.0, guessed.started_s - queued.put_s)
        self._wait.observe(queue_s)
        height, width = merged.size
        timings = Timings(
            1e3 * queue_s,
            1e3 * (queued.put_s - queued.prepared.received_s - queued.waited_s),
            1e3 * guessed.model_s,
            1e3 * (time.monotonic() - started_s),
        )
        model = queued.prepared.segmenter.model
        return SegmentAnswer(masks, merged, height, width, model, timings, queued.prepared.request_id)


def merged_mask(masks: Sequence[Rle]) -> Rle:
    """Pixels of any of them; at least one."""
    return masks[0] if len(masks) == 1 else union(masks)


def _measured(expressions: Sequence[str], guesses: Sequence[ScoredMask]) -> tuple[FoundMask, ...]:
    found = []
    for expression, guess in zip(expressions, guesses, strict=True):
        rle, area, box = measure_mask(guess.mask)
        found.append(FoundMask(expression, rle, box, area, guess.score))
    return tuple(found)
