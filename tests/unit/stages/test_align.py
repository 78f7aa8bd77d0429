"""What an aligner owes its stage, and what the stage keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from synres.data.images import encode_png
from synres.domain.types import AlignedImage, Expression, SynthImage
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.ports import Aligner, Image, ShardResult
from synres.stages.align import ALIGN, NOT_RENDERED, run_align_shard
from synres.stages.params import AlignParams
from tests.instant import instant_model, plan_shard

EXPRESSIONS = ("a cat", "the cat", "a grey cat")


class Fixed:
    """Gives the same scores to every picture."""

    model = instant_model("align", 1)

    def __init__(self, *scores: float) -> None:
        self._scores = list(scores)

    def scores(self, image: Image, expressions: Sequence[Expression]) -> list[float]:
        return self._scores


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(open_store(str(tmp_path)))


def _synth(ledger: Ledger) -> SynthImage:
    image = ledger.put_blob(encode_png(np.zeros((4, 6, 3), np.uint8)), "image/png")
    return SynthImage("1" * 64, "2" * 64, EXPRESSIONS, ", ".join(EXPRESSIONS), image, (4, 6))


def _align(ledger: Ledger, aligner: Aligner, least: float | None) -> ShardResult:
    rows = ledger.put_rows([_synth(ledger)]).digest
    params = AlignParams(backend="instant", min_alignment=least)
    return run_align_shard(ledger, aligner, plan_shard(ALIGN, aligner.model, (rows,), params))


def test_without_a_threshold_rows_pass_byte_for_byte(ledger: Ledger) -> None:
    """What follows has the inputs that it would have without the stage."""
    result = _align(ledger, Fixed(-1.0, 0.0, 1.0), None)
    assert result.outputs["rows"] == ledger.put_rows([_synth(ledger)]).digest
    assert result.counts == {"in": 1, "out": 1, NOT_RENDERED: 0}
    (row,) = ledger.get_rows(result.outputs["alignment"], AlignedImage)
    assert [(each.expression, each.score) for each in row.expressions] == [
        ("a cat", -1.0), ("the cat", 0.0), ("a grey cat", 1.0)
    ]  # fmt: skip


def test_the_threshold_itself_is_enough(ledger: Ledger) -> None:
    """Below it is not rendered; the item, its prompt and its picture stay as they are."""
    result = _align(ledger, Fixed(0.25, 0.2499, 0.3), 0.25)
    (row,) = ledger.get_rows(result.outputs["rows"], SynthImage)
    made = _synth(ledger)
    assert row.expressions == ("a cat", "a grey cat")
    assert (row.item, row.prompt, row.image) == (made.item, made.prompt, made.image)
    (scored,) = ledger.get_rows(result.outputs["alignment"], AlignedImage)
    assert [each.dropped for each in scored.expressions] == ["", NOT_RENDERED, ""]


def test_a_picture_of_nothing_asked_for_keeps_its_scores(ledger: Ledger) -> None:
    """It is rejected, and the record tells how far off it was."""
    result = _align(ledger, Fixed(0.1, 0.1, 0.1), 0.25)
    assert result.rejections == (("1" * 64, NOT_RENDERED),)
    assert result.counts == {"in": 1, "out": 0, NOT_RENDERED: 3}
    assert len(ledger.get_rows(result.outputs["alignment"], AlignedImage)) == 1


def test_a_score_that_is_no_number_is_a_rejection(ledger: Ledger) -> None:
    """JSON does not have it, and no threshold could be compared with it."""
    result = _align(ledger, Fixed(0.1, float("nan"), 0.1), None)
    assert [reason for _, reason in result.rejections] == ["score_out_of_range"]
    assert ledger.get_rows(result.outputs["alignment"], AlignedImage) == []


def test_a_score_too_few_is_a_fault(ledger: Ledger) -> None:
    """All that follow would be another expression's."""
    with pytest.raises(ValueError, match="zip"):
        _align(ledger, Fixed(0.1, 0.2), None)
