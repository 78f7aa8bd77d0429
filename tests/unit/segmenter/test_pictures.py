"""Pictures on their way to the model: as many at a time as have room, and none that nobody waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from services.segmenter.admission import WorkAdmission
from services.segmenter.answers import Caller, SegmentAnswer, SegmentCall
from services.segmenter.batches import ModelQueue
from services.segmenter.pictures import Pictures, Prepared
from synres.data.images import encode_png, open_image
from synres.domain.types import Expression, ModelInfo
from synres.errors import CallCancelled
from synres.ports import Image, ScoredMask
from synres.rpc.calls import ModelCalls

PATIENCE_S = 60.0


class BlankSegmenter:
    """Finds all of each picture, and keeps how many it was asked at a time."""

    thread_safe = True
    model = ModelInfo("blank", "0" * 64, "Apache-2.0", bitwise=True)

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        return self.segment_batch([(image, expressions)])[0]

    def segment_batch(self, asked: Sequence[tuple[Image, Sequence[Expression]]]) -> list[list[ScoredMask]]:
        self.sizes.append(len(asked))
        return [[ScoredMask(np.ones(image.shape[:2], np.bool_), 1.0)] for image, _ in asked]


@pytest.fixture
def segmenter() -> BlankSegmenter:
    """Has been asked nothing yet."""
    return BlankSegmenter()


@pytest.fixture
def pictures() -> Iterator[Pictures]:
    """With room for two of the smallest."""
    queue = ModelQueue(ModelCalls("segmenter"), 8)
    yield Pictures(queue, WorkAdmission("test", limit_s=1e6, max_calls=100), places=2)
    queue.close()


def _prepared(
    segmenter: BlankSegmenter, data: bytes, is_abandoned: Callable[[], bool] = lambda: False
) -> Prepared:
    call = SegmentCall(Caller("", may_choose=True), data, ("all",), is_abandoned=is_abandoned)
    now_s = time.monotonic()
    return Prepared(call, open_image(data), segmenter, now_s + PATIENCE_S, "id", now_s)


def test_a_batch_is_answered_in_parts_that_have_room(pictures: Pictures, segmenter: BlankSegmenter) -> None:
    """Sixteen pictures of one call never lie in memory all at once; each has its own answer, in order."""
    asked = [
        _prepared(segmenter, encode_png(np.full((4, width, 3), width, np.uint8))) for width in range(3, 8)
    ]
    answers = pictures.answer(asked, time.monotonic() + PATIENCE_S)
    assert [answer.width for answer in answers if isinstance(answer, SegmentAnswer)] == [3, 4, 5, 6, 7]
    assert sum(segmenter.sizes) == 5 and max(segmenter.sizes) <= 2


def test_what_nobody_waits_for_is_not_decoded(pictures: Pictures, segmenter: BlankSegmenter) -> None:
    """A picture that breaks off would else be told to be broken."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    broken = encode_png(noise)[:-2000]
    (answer,) = pictures.answer([_prepared(segmenter, broken, lambda: True)], time.monotonic() + PATIENCE_S)
    assert isinstance(answer, CallCancelled) and not segmenter.sizes
