"""The evaluate stage over a segmenter that always gives the same mask."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from synres.data.images import encode_png
from synres.domain.masks import encode_mask
from synres.domain.types import Expression, ModelInfo, Triplet
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action
from synres.ports import Image, ScoredMask, Segmenter, ShardRequest
from synres.stages.evaluate import EVALUATE, EvaluatedExpression, run_evaluate_shard
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


def _columns(first: int, last: int) -> np.ndarray:
    mask = np.zeros((10, 10), np.bool_)
    mask[:, first:last] = True
    return mask


def _triplet(ledger: Ledger, item: str, expression: str, columns: tuple[int, int], size: int = 10) -> Triplet:
    image = ledger.put_blob(encode_png(np.zeros((size, size, 3), np.uint8)), "image/png")
    return Triplet(item, image, encode_mask(_columns(*columns)), expression, "", "MT", "day")


def _run(
    ledger: Ledger, triplets: list[Triplet], segmenter: Callable[[], Segmenter] = FixedSegmenter
) -> tuple[list[EvaluatedExpression], dict, tuple]:
    inputs = (ledger.put_blob(b"weights", "x").digest, ledger.put_rows(triplets).digest)
    params = encode_params(EvaluateParams(backend="fixed"))
    action = Action(EVALUATE.name, EVALUATE.version, MODEL.digest, params.decode(), inputs)
    request = ShardRequest(EVALUATE.name, action.digest(), inputs, params)
    result = run_evaluate_shard(ledger, lambda weights: segmenter(), MODEL, request)
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
