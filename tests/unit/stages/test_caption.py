"""n distinct expressions, or fewer and the reason in the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from synres.domain.types import CaptionedSample, Shortfall
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.ports import FoundExpressions, ObjectView, ShardResult
from synres.stages.caption import CAPTION, run_caption_shard
from synres.stages.params import CaptionParams
from tests.instant import InstantCaptioner, make_samples, plan_shard


class Terse(InstantCaptioner):
    """Finds `count` expressions, however many are asked for."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def caption(self, view: ObjectView, n: int, seed: int) -> FoundExpressions:
        found = super().caption(view, min(n, self._count), seed)
        return FoundExpressions(found.expressions, "too_alike" if self._count < n else "")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(open_store(str(tmp_path)))


def _caption(ledger: Ledger, found: int, expressions: int = 5, prompts: int = 1) -> ShardResult:
    params = CaptionParams(
        backend="instant", seed=1, expressions_per_prompt=expressions, prompts_per_sample=prompts
    )
    captioner = Terse(found)
    request = plan_shard(CAPTION, captioner.model, (make_samples(ledger, 1),), params)
    return run_caption_shard(ledger, captioner, request)


def test_fewer_expressions_go_on_and_the_record_says_why(ledger: Ledger) -> None:
    """Three of five make a composite prompt of three; what was short stands in an output of its own."""
    result = _caption(ledger, found=3)
    (row,) = ledger.get_rows(result.outputs["rows"], CaptionedSample)
    assert [len(prompt) for prompt in row.prompts] == [3]
    shortfalls = ledger.get_rows(result.outputs["shortfalls"], Shortfall)
    assert shortfalls == [Shortfall(row.item, 5, 3, "too_alike")]


def test_a_full_shard_has_no_such_output(ledger: Ledger) -> None:
    """Its record is what it was before fewer could go on."""
    assert set(_caption(ledger, found=5).outputs) == {"rows"}


@pytest.mark.parametrize(("found", "sizes"), [(10, [5, 5]), (7, [3, 4]), (4, [2, 2]), (3, [3]), (2, [2])])
def test_several_prompts_share_what_there_is(ledger: Ledger, found: int, sizes: list[int]) -> None:
    """None with a single expression, for ITAG has nothing to compare it with."""
    (row,) = ledger.get_rows(_caption(ledger, found, prompts=2).outputs["rows"], CaptionedSample)
    assert [len(prompt) for prompt in row.prompts] == sizes


@pytest.mark.parametrize("found", [0, 1])
def test_one_expression_is_too_few_for_itag(ledger: Ledger, found: int) -> None:
    """The sample is rejected with its reason."""
    result = _caption(ledger, found)
    assert [reason for _, reason in result.rejections] == ["too_few_expressions"]
    assert set(result.outputs) == {"rows"}


def test_where_one_is_asked_for_one_will_do(ledger: Ledger) -> None:
    """A spec that groups nothing may ask for a single expression."""
    (row,) = ledger.get_rows(_caption(ledger, 1, expressions=1).outputs["rows"], CaptionedSample)
    assert [len(prompt) for prompt in row.prompts] == [1]
