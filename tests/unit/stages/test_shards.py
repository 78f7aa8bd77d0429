"""What a backend owes its stage: a stage never records less, or other, than it was promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synres.domain.types import CaptionedSample, Expression, Sample
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.ports import GeneratedImage, GeneratorInput, Image, ScoredMask, ShardRequest
from synres.stages.caption import CAPTION, run_caption_shard
from synres.stages.generate import GENERATE, run_generate_shard
from synres.stages.params import CaptionParams, GenerateParams, SegmentParams
from synres.stages.segment import SEGMENT, run_segment_shard
from tests.instant import (
    InstantCaptioner,
    InstantGenerator,
    InstantSegmenter,
    instant_model,
    make_samples,
    plan_shard,
)

PICTURE = np.zeros((4, 4, 3), np.uint8)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(open_store(str(tmp_path)))


class Forgetful(InstantGenerator):
    """Paints one picture too few."""

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        return super().generate(request, seeds[:-1])


class Strict(InstantGenerator):
    """A safety filter keeps every first picture back."""

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        first, *others = super().generate(request, seeds)
        return [replace(first, refusal="a sentence"), *others]


class Noting(InstantGenerator):
    """Remembers the seeds that it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.seeds: list[int] = []

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        self.seeds += seeds
        return super().generate(request, seeds)


class Vague(InstantGenerator):
    """Knows one exact mask too few."""

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        masks = tuple(np.zeros((4, 4), np.bool_) for _ in request.expressions[1:])
        return [GeneratedImage(PICTURE, masks) for _ in seeds]


class Unsure(InstantSegmenter):
    """Scores the second expression with a number that JSON does not have."""

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        scores = [0.5, float("nan"), 0.5]
        return [ScoredMask(np.ones(image.shape[:2], np.bool_), scores[k]) for k in range(len(expressions))]


def _generate_request(ledger: Ledger) -> ShardRequest:
    (sample,) = ledger.get_rows(make_samples(ledger, 1), Sample)
    rows = ledger.put_rows([CaptionedSample(sample.item, sample, (("a cat", "the cat"),))]).digest
    params = GenerateParams(backend="instant", seed=1, images_per_prompt=2)
    return plan_shard(GENERATE, instant_model("generate", 1), (rows,), params)


@pytest.mark.parametrize("backend", [Forgetful(), Vague()])
def test_a_generator_that_gives_less_is_a_fault(ledger: Ledger, backend: InstantGenerator) -> None:
    """A picture or an exact mask too few would shift all that follow, so nothing is recorded."""
    request = _generate_request(ledger)
    with pytest.raises(ValueError, match="zip"):
        run_generate_shard(ledger, backend, request)
    assert ledger.find_record("generate", request.action) is None


def test_every_picture_has_a_seed_of_its_own(ledger: Ledger) -> None:
    """Two samples with two prompts of two pictures each: eight seeds, equal for a sample in any shard."""
    prompts = (("a cat", "the cat"), ("a red cat", "the red cat"))
    samples = ledger.get_rows(make_samples(ledger, 2), Sample)
    rows = [CaptionedSample(sample.item, sample, prompts) for sample in samples]
    params, asked = GenerateParams(backend="instant", seed=1, images_per_prompt=2), []
    for shard in (rows, rows[1:]):
        noting, digest = Noting(), ledger.put_rows(shard).digest
        run_generate_shard(ledger, noting, plan_shard(GENERATE, noting.model, (digest,), params))
        asked.append(noting.seeds)
    assert len(set(asked[0])) == 8 and asked[1] == asked[0][4:]


def test_a_filtered_picture_is_a_rejection_of_its_own(ledger: Ledger) -> None:
    """It is stored nowhere, its reason is recorded, and the sample's other picture goes on."""
    request = _generate_request(ledger)
    result = run_generate_shard(ledger, Strict(), request)
    assert result.counts == {"in": 1, "out": 1}
    ((item, reason),) = result.rejections
    assert reason == "filtered"
    record = ledger.find_record("generate", request.action)
    assert record is not None
    assert record.meta.messages == {item: "a sentence"}


def test_a_score_that_is_no_number_is_a_rejection(ledger: Ledger) -> None:
    """Not a number becomes null in JSON, and the whole shard would be unreadable for the grouper."""
    generated = run_generate_shard(ledger, InstantGenerator(), _generate_request(ledger))
    params = SegmentParams(backend="instant")
    request = plan_shard(SEGMENT, Unsure().model, (generated.outputs["rows"],), params)
    result = run_segment_shard(ledger, lambda _: Unsure(), Unsure().model, request)
    assert result.counts == {"in": 2, "out": 0, "pseudo_masks": 0}
    assert {reason for _, reason in result.rejections} == {"score_out_of_range"}


def test_a_record_names_the_libraries_behind_it(ledger: Ledger) -> None:
    """They are in the meta: never hashed, and there when two machines disagree about bits."""
    params = CaptionParams(backend="instant", seed=1)
    request = plan_shard(CAPTION, instant_model("caption", 1), (make_samples(ledger, 1),), params)
    run_caption_shard(ledger, InstantCaptioner(), request)
    record = ledger.find_record("caption", request.action)
    assert record is not None
    assert record.meta.versions["numpy"] == np.__version__
