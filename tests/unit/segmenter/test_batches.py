"""Pictures that wait together are drawn together; what is expired, cancelled or abandoned is never drawn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import numpy as np
import pytest

from services.segmenter.batches import Guessed, Job, ModelQueue
from synres.domain.types import Expression, ModelInfo
from synres.errors import CallCancelled, DeadlineExceeded, RejectedItem
from synres.ports import Image, ScoredMask
from synres.rpc.calls import ModelCalls

PATIENCE_S = 60.0
BLACK = np.zeros((4, 5, 3), np.uint8)


class CountingSegmenter:
    """Waits until it may go on, and keeps what it was asked."""

    thread_safe = True
    protocol = "generated"
    model = ModelInfo("counting", "0" * 64, "Apache-2.0", bitwise=True)

    def __init__(self) -> None:
        self.asked: list[list[list[Expression]]] = []
        self.entered, self.may_go = threading.Event(), threading.Event()

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        return self.segment_batch([(image, expressions)])[0]

    def segment_batch(self, asked: Sequence[tuple[Image, Sequence[Expression]]]) -> list[list[ScoredMask]]:
        self.asked.append([list(expressions) for _, expressions in asked])
        self.entered.set()
        assert self.may_go.wait(PATIENCE_S)
        if any("bad" in expressions for _, expressions in asked):
            raise RejectedItem("expression_too_long")
        if any("broken" in expressions for _, expressions in asked):
            raise ZeroDivisionError
        return [
            [ScoredMask(np.full(image.shape[:2], len(text) % 2 == 1), 0.5) for text in expressions]
            for image, expressions in asked
        ]


@pytest.fixture
def segmenter() -> CountingSegmenter:
    """Busy until it may go."""
    return CountingSegmenter()


@pytest.fixture
def queue(segmenter: CountingSegmenter) -> Iterator[ModelQueue]:
    """Of at most three pictures at a time, behind a first one that holds the model."""
    queue = ModelQueue(ModelCalls("segmenter"), 3)
    queue.put(_job(segmenter, "first", ["first"]))
    assert segmenter.entered.wait(PATIENCE_S)
    yield queue
    segmenter.may_go.set()
    queue.close()


def _job(
    segmenter: CountingSegmenter,
    digest: str,
    expressions: list[str],
    deadline_s: float = np.inf,
    is_abandoned: Callable[[], bool] = lambda: False,
) -> Job:
    return Job(segmenter, BLACK, digest, expressions, deadline_s, is_abandoned)


def _put(queue: ModelQueue, *jobs: Job) -> list[Future[Guessed]]:
    for job in jobs:
        queue.put(job)
    return [job.outcome for job in jobs]


def test_what_waits_is_the_next_batch(queue: ModelQueue, segmenter: CountingSegmenter) -> None:
    """In order, no more pictures at a time than it may, and each gets its own masks."""
    outcomes = _put(queue, *(_job(segmenter, name, [name]) for name in ("a", "bb", "ccc", "dddd")))
    segmenter.may_go.set()
    masks = [outcome.result(PATIENCE_S).masks[0].mask.any() for outcome in outcomes]
    assert masks == [True, False, True, False]
    assert segmenter.asked == [[["first"]], [["a"], ["bb"], ["ccc"]], [["dddd"]]]


def test_expressions_of_one_picture_share_it(queue: ModelQueue, segmenter: CountingSegmenter) -> None:
    """Two calls with one picture are one to the model, and two to who counts work: each decodes it."""
    outcomes = _put(queue, _job(segmenter, "same", ["a", "bb"]), _job(segmenter, "same", ["ccc"]))
    segmenter.may_go.set()
    assert [len(outcome.result(PATIENCE_S).masks) for outcome in outcomes] == [2, 1]
    assert segmenter.asked[1] == [["a", "bb", "ccc"]]
    assert [list(outcome.result(PATIENCE_S).work[:2]) for outcome in outcomes] == [[2, 3]] * 2


def test_a_list_is_one_callers_own(queue: ModelQueue, segmenter: CountingSegmenter) -> None:
    """Where a model answers a picture's expressions in one conversation, no call bends another's answer."""
    segmenter.protocol = "teacher_forced"
    _put(queue, _job(segmenter, "same", ["a", "bb"]), last := _job(segmenter, "same", ["ccc"]))
    segmenter.may_go.set()
    assert last.outcome.result(PATIENCE_S).masks
    assert segmenter.asked[1] == [["a", "bb"], ["ccc"]]


def test_expired_work_never_reaches_the_model(queue: ModelQueue, segmenter: CountingSegmenter) -> None:
    """Nor does what its caller cancelled or abandoned; who waits is told why."""
    expired, abandoned, cancelled, wanted = _put(
        queue,
        _job(segmenter, "expired", ["expired"], deadline_s=time.monotonic()),
        _job(segmenter, "abandoned", ["abandoned"], is_abandoned=lambda: True),
        _job(segmenter, "cancelled", ["cancelled"]),
    ) + _put(queue, _job(segmenter, "wanted", ["wanted"]))
    cancelled.cancel()
    segmenter.may_go.set()
    wanted.result(PATIENCE_S)
    assert isinstance(expired.exception(PATIENCE_S), DeadlineExceeded)
    assert isinstance(abandoned.exception(PATIENCE_S), CallCancelled)
    assert [text for batch in segmenter.asked for texts in batch for text in texts] == ["first", "wanted"]


@pytest.mark.parametrize(("expression", "kind"), [("bad", RejectedItem), ("broken", ZeroDivisionError)])
def test_what_is_wrong_with_one_is_not_the_others_fault(
    queue: ModelQueue, segmenter: CountingSegmenter, expression: str, kind: type[Exception]
) -> None:
    """The batch is asked again in its parts, whether data or the model failed; the next one is drawn."""
    good, bad = _put(queue, _job(segmenter, "good", ["good"]), _job(segmenter, "bad", [expression]))
    segmenter.may_go.set()
    assert good.result(PATIENCE_S).work[0] == 1
    assert isinstance(bad.exception(PATIENCE_S), kind)
    (after,) = _put(queue, _job(segmenter, "c", ["c"]))
    assert after.result(PATIENCE_S).masks


def test_what_nobody_waits_for_is_let_go(queue: ModelQueue, segmenter: CountingSegmenter) -> None:
    """A picture whose caller gave up does not lie in memory until the model is free."""
    job = _job(segmenter, "late", ["late"])
    queue.put(job)
    queue.drop(job)
    assert not queue._waiting
    segmenter.may_go.set()
    (after,) = _put(queue, _job(segmenter, "after", ["after"]))
    assert after.result(PATIENCE_S).masks
    assert [["late"]] not in segmenter.asked
