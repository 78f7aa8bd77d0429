"""The evaluate stage over a segmenter that always gives the same mask: counts, parts, pixels left open."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from synres.data.images import decode_image, encode_png
from synres.domain.masks import encode_mask
from synres.domain.metrics import MaskCounts, score
from synres.domain.types import Expression, ModelInfo, OpenTriplet, Triplet
from synres.errors import CallCancelled
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action
from synres.ports import Image, ScoredMask, Segmenter, ShardRequest
from synres.stages.evaluate import (
    EVALUATE,
    PART,
    EvaluatedExpression,
    JudgedExpression,
    part_requests,
    run_evaluate_shard,
)
from synres.stages.params import EvaluateParams, encode_params
from tests.fakes import MemoryStore

MODEL = ModelInfo("fixed", "f" * 64, "Apache-2.0", bitwise=True)


class FixedSegmenter:
    """Columns 0 to 4 for whatever is asked, nothing for what begins with "no"."""

    model = MODEL

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        return [ScoredMask(_columns(*((0, 0) if e.startswith("no") else (0, 5))), 1.0) for e in expressions]


class ForcedSegmenter(FixedSegmenter):
    """One whose model was told the form of its answers."""

    protocol = "teacher_forced"


class JudgingSegmenter(FixedSegmenter):
    """One with a word for "no target", said of what ends with "?", whatever the mask."""

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        guesses = super().segment(image, expressions)
        return [replace(g, is_rejected=e.endswith("?")) for g, e in zip(guesses, expressions, strict=True)]


class InformedSegmenter(FixedSegmenter):
    """One that is told the truth, and says it."""

    def segment_known(
        self, image: Image, expressions: Sequence[Expression], has_target: Sequence[bool]
    ) -> list[ScoredMask]:
        guesses = super().segment(image, expressions)
        return [replace(g, is_rejected=not known) for g, known in zip(guesses, has_target, strict=True)]


def _columns(first: int, last: int) -> np.ndarray:
    mask = np.zeros((10, 10), np.bool_)
    mask[:, first:last] = True
    return mask


def _triplet(ledger: Ledger, item: str, expression: str, columns: tuple[int, int], size: int = 10) -> Triplet:
    image = ledger.put_blob(encode_png(np.zeros((size, size, 3), np.uint8)), "image/png")
    return Triplet(item, image, encode_mask(_columns(*columns)), expression, "", "MT", "day")


def _many(ledger: Ledger, pictures: int = 2 * PART + 3) -> list[Triplet]:
    """Two expressions of each picture, one of which is answered well."""
    spans = (("the left", (0, 4)), ("the right", (5, 10)))
    return [_triplet(ledger, f"picture {i}", text, span) for i in range(pictures) for text, span in spans]


def _request(ledger: Ledger, triplets: list[Triplet]) -> ShardRequest:
    inputs = (ledger.put_blob(b"weights", "x").digest, ledger.put_rows(triplets).digest)
    params = encode_params(EvaluateParams(backend="fixed"))
    action = Action(EVALUATE.name, EVALUATE.version, MODEL.digest, params.decode(), inputs)
    return ShardRequest(EVALUATE.name, action.digest(), inputs, params)


def _run(
    ledger: Ledger, triplets: list[Triplet], segmenter: Callable[[], Segmenter] = FixedSegmenter
) -> tuple[list[EvaluatedExpression], dict, tuple]:
    result = run_evaluate_shard(ledger, lambda weights: segmenter(), MODEL, _request(ledger, triplets))
    report = json.loads(ledger.get_blob(result.outputs["report"]))
    return ledger.get_rows(result.outputs["rows"], EvaluatedExpression), report, result.rejections


@pytest.fixture
def ledger() -> Ledger:
    """An empty store."""
    return Ledger(MemoryStore())


def test_pixels_are_counted_for_each_expression(ledger: Ledger) -> None:
    """Five columns against the first four, the last five, and nothing against nothing."""
    rows, report, rejections = _run(
        ledger,
        [
            _triplet(ledger, "a", "the left", (0, 4)),
            _triplet(ledger, "a", "the right", (5, 10)),
            _triplet(ledger, "b", "nothing", (0, 0)),
        ],
    )
    assert [(r.intersection, r.union, r.predicted_area, r.target_area) for r in rows] == [
        (40, 50, 50, 40), (0, 100, 50, 50), (0, 0, 0, 0),
    ]  # fmt: skip
    assert report["all"]["giou"] == pytest.approx((0.8 + 0 + 1) / 3, abs=1e-4)
    assert report["all"]["ciou"] == pytest.approx(40 / 150, abs=1e-4)
    assert list(report["by_subset_and_domain"]) == ["MT/day"]
    assert rejections == ()


def test_a_bad_picture_is_a_rejection(ledger: Ledger) -> None:
    """A mask of another size turns its picture away with a reason; the others are scored."""
    rows, _, rejections = _run(
        ledger,
        [_triplet(ledger, "bad", "the left", (0, 4), size=12), _triplet(ledger, "good", "the left", (0, 4))],
    )
    assert [row.item for row in rows] == ["good"]
    assert rejections == (("bad", "mask_size_mismatch"),)


def test_the_report_says_how_the_model_answered(ledger: Ledger) -> None:
    """Teacher-forced or generated, where there is a choice: such scores are not to be compared."""
    triplets = [_triplet(ledger, "a", "the left", (0, 4))]
    assert _run(ledger, triplets, ForcedSegmenter)[1]["protocol"] == "teacher_forced"
    assert "protocol" not in _run(Ledger(MemoryStore()), [], FixedSegmenter)[1]


def test_rows_keep_both_masks_for_whoever_wants_to_look(ledger: Ledger) -> None:
    """Picture, answer and truth of each expression, and what went wrong with it."""
    wrong, right = _run(ledger, _many(ledger, 1)[::-1])[0]
    assert (wrong.failure, right.failure) == ("wrong_instance", "")
    assert wrong.predicted == encode_mask(_columns(0, 5)) and wrong.target == encode_mask(_columns(5, 10))
    assert decode_image(ledger.get_blob(wrong.image)).shape == (10, 10, 3)


def test_pixels_left_open_count_neither_way(ledger: Ledger) -> None:
    """Columns 3 to 7 are open, the answer is 0 to 5, the target 0 to 4: for LISA a perfect answer. ReLA takes
    them for background, and GSVA a target of nothing else for a target."""
    plain = _triplet(ledger, "a", "the left", (0, 4))
    about = (plain.item, plain.image, plain.mask, plain.expression, "", "", "")
    row = _run(ledger, [OpenTriplet(*about, ignore=encode_mask(_columns(3, 8)))])[0][0]
    assert (row.intersection, row.union, row.predicted_area, row.target_area) == (30, 30, 30, 30)
    assert (row.ignored_area, row.predicted_ignored) == (50, 20)
    assert row.counts("lisa") == MaskCounts(30, 30, True, False)
    assert row.counts("gres") == MaskCounts(30, 50, True, False)
    nothing = (plain.item, plain.image, encode_mask(_columns(0, 0)), "nothing", "", "", "")
    row = _run(ledger, [OpenTriplet(*nothing, ignore=encode_mask(_columns(3, 8)))])[0][0]
    assert [row.counts(name).has_target for name in ("lisa", "gsva", "gres")] == [False, True, False]


def test_a_mask_on_open_pixels_alone_does_not_say_that_there_is_no_target(ledger: Ledger) -> None:
    """All of the answer, 0 to 5, is open: nothing of it counts, and yet it is an answer."""
    plain = _triplet(ledger, "a", "the right", (8, 10))
    about = (plain.item, plain.image, plain.mask, plain.expression, "", "", "")
    row = _run(ledger, [OpenTriplet(*about, ignore=encode_mask(_columns(0, 6)))])[0][0]
    assert (row.predicted_area, row.predicted_ignored) == (0, 50)
    assert not any(row.counts(name).is_rejected for name in ("lisa", "gsva", "gres"))


def test_what_a_model_rejects_is_scored_as_the_originals_score_it(ledger: Ledger) -> None:
    """GSVA's rejected target keeps its mask, ReLA's its union alone; an empty mask that was not rejected is
    no rejection. LISA has no such notion, and rows of other models are the bytes that they were."""
    spans = {"the left?": (0, 5), "no left": (0, 0), "no right?": (0, 0), "the right?": (0, 0)}
    asked = [_triplet(ledger, "a", text, span) for text, span in spans.items()]
    result = run_evaluate_shard(ledger, lambda weights: JudgingSegmenter(), MODEL, _request(ledger, asked))
    rows = ledger.get_rows(result.outputs["rows"], JudgedExpression)
    by_definition = {
        name: score([row.counts(name) for row in rows], name) for name in ("gsva", "gres", "lisa")
    }
    assert [row.counts("gsva").is_rejected for row in rows] == [True, False, True, True]
    assert [row.failure for row in rows] == ["missed", "", "", ""]
    assert by_definition["gsva"].giou == pytest.approx((1 + 0 + 1 + 1) / 4, abs=1e-5)
    assert by_definition["gres"].giou == pytest.approx((0 + 0 + 1 + 1) / 4)
    assert by_definition["lisa"].giou == pytest.approx((1 + 1 + 1 + 0) / 4, abs=1e-5)
    assert [by_definition[name].ciou for name in ("gsva", "gres")] == [pytest.approx(1.0), 0.0]
    assert (by_definition["gsva"].n_acc, by_definition["gsva"].t_acc) == (2 / 3, 0.0)
    plain = Ledger(MemoryStore())
    plain_asked = _request(plain, [_triplet(plain, "a", "the left", (0, 4))])
    result = run_evaluate_shard(plain, lambda weights: FixedSegmenter(), MODEL, plain_asked)
    assert b"is_rejected" not in plain.get_blob(result.outputs["rows"])


def test_who_takes_the_truth_is_told_it(ledger: Ledger) -> None:
    """Which expressions have a target, as published numbers are made; open pixels are one."""
    shown, none = _triplet(ledger, "a", "the left", (0, 4)), _triplet(ledger, "a", "nothing", (0, 0))
    open_pixels = encode_mask(_columns(0, 3))
    left_open = OpenTriplet("a", none.image, none.mask, "perhaps", "", "MT", "day", open_pixels)
    asked = [shown, none, left_open]
    result = run_evaluate_shard(ledger, lambda weights: InformedSegmenter(), MODEL, _request(ledger, asked))
    rows = ledger.get_rows(result.outputs["rows"], JudgedExpression)
    assert [row.is_rejected for row in rows] == [False, True, False]


class CountingSegmenter(FixedSegmenter):
    """Counts its calls, and stops the work after so many."""

    def __init__(self, calls: int = 10**9) -> None:
        self.calls, self._most = 0, calls

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        if self.calls == self._most:
            raise CallCancelled("stopped")
        self.calls += 1
        return super().segment(image, expressions)


def test_a_large_benchmark_is_scored_in_parts_and_as_if_in_one(ledger: Ledger) -> None:
    """Rows in the benchmark's order, every picture asked once for all its expressions."""
    triplets, segmenter = _many(ledger), CountingSegmenter()
    request = _request(ledger, triplets)
    result = run_evaluate_shard(ledger, lambda weights: segmenter, MODEL, request)
    rows = ledger.get_rows(result.outputs["rows"], EvaluatedExpression)
    assert [(row.item, row.expression) for row in rows] == [(t.item, t.expression) for t in triplets]
    assert b"is_rejected" not in ledger.get_blob(result.outputs["rows"])
    assert segmenter.calls == 2 * PART + 3
    assert result.counts == {"in": len(triplets), "out": len(triplets)}
    parts = part_requests(ledger, MODEL, request)
    assert [ledger.find_record("evaluate", part.action) is not None for part in parts] == [True] * 3


def test_an_evaluation_that_stopped_goes_on_where_it_was(ledger: Ledger) -> None:
    """The pictures of finished parts are not asked again, and the numbers are those of an undisturbed one."""
    request, stopping, other = (
        _request(ledger, _many(ledger)),
        CountingSegmenter(PART + 1),
        CountingSegmenter(),
    )
    with pytest.raises(CallCancelled):
        run_evaluate_shard(ledger, lambda weights: stopping, MODEL, request)
    result = run_evaluate_shard(ledger, lambda weights: other, MODEL, request)
    assert other.calls == PART + 3
    undisturbed = Ledger(MemoryStore())
    whole = run_evaluate_shard(
        undisturbed, lambda weights: FixedSegmenter(), MODEL, _request(undisturbed, _many(undisturbed))
    )
    assert result.outputs == whole.outputs


def test_parts_may_be_scored_by_others(ledger: Ledger) -> None:
    """Whoever scores them, in whatever order: what is there already is only put together."""
    request, own = _request(ledger, _many(ledger)), CountingSegmenter()

    def elsewhere(parts: Sequence[ShardRequest]) -> None:
        for part in reversed(parts):
            run_evaluate_shard(ledger, lambda weights: FixedSegmenter(), MODEL, part)

    result = run_evaluate_shard(ledger, lambda weights: own, MODEL, request, run_parts=elsewhere)
    assert own.calls == 0
    rows = ledger.get_rows(result.outputs["rows"], EvaluatedExpression)
    assert [row.item for row in rows[::2]] == [f"picture {i}" for i in range(2 * PART + 3)]


def test_rejections_of_all_parts_are_told(ledger: Ledger) -> None:
    """A bad picture in the second part is a rejection of the whole, with its message."""
    triplets = [*_many(ledger, PART), _triplet(ledger, "bad", "the left", (0, 4), size=12)]
    _, _, rejections = _run(ledger, triplets)
    assert rejections == (("bad", "mask_size_mismatch"),)
