"""Expressions that name nothing in their picture: in the loader, and in what each model is taught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.coordinator.ingest import ingest, ingest_request
from services.trainer.backends import load_backend
from services.trainer.backends.micro import MicroBackend, MicroTrainable
from services.trainer.backends.res import ResTrainable, training_batch
from services.trainer.checkpoints import StepLog
from services.trainer.loader import Loader
from services.trainer.recipe import run_training
from services.trainer.trainable import Shape
from synres.data.images import encode_png
from synres.data.readers.formats import Options
from synres.data.readers.pictures import dataset_pictures
from synres.domain.masks import encode_mask
from synres.domain.types import OpenTriplet, Triplet
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action
from synres.models.conversations import NOT_SUPERVISED
from synres.ports import ShardRequest
from synres.stages.params import MixturePart, TrainParams, encode_params
from synres.stages.train import TRAIN
from tests.res_trainings import CHOICES, GLAMM, GSVA, LISA, picture
from tests.trainings import PARAMS, silent
from tests.unit.data.readers.layouts import write_grefcoco

pytestmark = pytest.mark.usefixtures("res_models")
SHOWN, MISSING = "the red circle", "the elephant"
PLAIN = replace(PARAMS, batch_size=1, mosaic_probability=0.0, superclass_probability=0.0)


def _row(ledger: Ledger, expression: str, has_target: bool, shade: int = 0) -> Triplet:
    image, mask = picture()
    blob = ledger.put_blob(encode_png(np.maximum(image, shade)), "image/png")
    return Triplet(f"{shade}", blob, encode_mask(mask & has_target), expression)


def _loader(ledger: Ledger, rows: list[Triplet], needs_target: bool = False, **changes: float) -> Loader:
    return Loader(ledger, {"refer_seg": rows}, replace(PLAIN, **changes), Shape(128, 0), needs_target)


def _mixed(ledger: Ledger) -> list[Triplet]:
    """A picture of which one expression names something, and three others of which none does."""
    return [
        _row(ledger, SHOWN, True),
        _row(ledger, MISSING, False),
        *[_row(ledger, MISSING, False, shade) for shade in (50, 60, 70)],
    ]


@pytest.mark.parametrize("name", [LISA, GSVA, GLAMM])
def test_each_model_is_taught_as_its_original(ledger: Ledger, name: str) -> None:
    """GSVA answers [REJ] where a target is missing; LISA and GLaMM answer [SEG], with an empty mask."""
    trainable = load_backend(CHOICES[name]).open(None, 1)
    assert isinstance(trainable, ResTrainable)
    batch = _loader(ledger, _mixed(ledger)[:2], trainable.needs_target).batch(0)
    made = training_batch(trainable.module, trainable._tokens, trainable._words, batch)
    sizes = trainable.module.sizes
    answered = made.labels[made.labels != NOT_SUPERVISED].tolist()
    slots = [i for i in answered if i in (sizes.seg_id, sizes.rej_id)]
    missing = sizes.rej_id if name == GSVA else sizes.seg_id
    assert slots == [sizes.seg_id if e == SHOWN else missing for e in batch.expressions]
    assert [bool(mask.any()) for mask in made.masks[0]] == [e == SHOWN for e in batch.expressions]
    assert trainable.loss(batch).isfinite()


def test_the_micro_network_learns_an_empty_mask(ledger: Ledger) -> None:
    """As LISA does: what is not there has no pixel."""
    batch = _loader(ledger, _mixed(ledger)[1:]).batch(0)
    assert batch.expressions == (MISSING,) and not batch.masks[0].any()
    stretched = Loader(ledger, {"refer_seg": _mixed(ledger)[1:]}, PLAIN, MicroTrainable.shape).batch(0)
    assert MicroBackend().scratch(1).loss(stretched).isfinite()


def test_rows_of_grefcoco_reach_the_loader(ledger: Ledger, tmp_path: Path) -> None:
    """From `ann_id: [-1]` on disk to an expression with an empty mask, beside those that have one."""
    pictures = dataset_pictures("grefcoco", write_grefcoco(tmp_path), Options())
    outputs = ingest(ledger, ingest_request({"kind": "grefcoco"}, ()), pictures).outputs
    rows = ledger.get_rows(outputs["triplets"], OpenTriplet)
    example = _loader(ledger, rows).example(0)
    assert {expression: bool(mask.any()) for expression, mask in example.targets} == {
        "both": True, "the elephant": False, "the dog": True,
    }  # fmt: skip


def test_pictures_that_show_nothing_are_drawn_again_and_counted(ledger: Ledger) -> None:
    """Where a model needs a target: the same draws at the same step, each with something to be seen."""
    rows = _mixed(ledger)
    free, bound = _loader(ledger, rows), _loader(ledger, rows, needs_target=True)
    batches = [bound.batch(step) for step in range(12)]
    again = [_loader(ledger, rows, needs_target=True).batch(step) for step in reversed(range(12))]
    assert all(SHOWN in batch.expressions for batch in batches)
    assert any(SHOWN not in free.batch(step).expressions for step in range(12))
    assert sum(batch.passed_over for batch in batches) > 0
    assert [b.passed_over for b in batches] == [b.passed_over for b in reversed(again)]
    assert all(free.batch(step).passed_over == 0 for step in range(12))


def test_a_part_that_shows_nothing_at_all_is_the_users(ledger: Ledger) -> None:
    """Drawing again has an end, and names the part."""
    with pytest.raises(InvalidInput, match="of refer_seg, 200 drawn pictures show none"):
        _loader(ledger, _mixed(ledger)[2:], needs_target=True).batch(0)


def test_mosaics_take_what_is_there(ledger: Ledger) -> None:
    """In a mosaic, what one tile lacks another may show: only targets are cut out and asked for."""
    loader = _loader(ledger, _mixed(ledger), mosaic_probability=1.0)
    examples = [loader.example(number) for number in range(10)]
    assert all(dict(example.targets).keys() == {SHOWN} for example in examples)
    with pytest.raises(InvalidInput, match="show no target"):
        _loader(ledger, _mixed(ledger)[2:], mosaic_probability=1.0).example(0)


def test_a_broader_noun_is_not_held_against_what_is_missing(ledger: Ledger) -> None:
    """The red dog becomes the red animal although a red cat is asked for too: no cat is there."""
    rows = [_row(ledger, "the red dog", True), _row(ledger, "the red cat", False)]
    bold = replace(PLAIN, superclass_probability=1.0, superclass_table="coco", expressions_per_picture=1)
    loader = Loader(ledger, {"refer_seg": rows}, bold, Shape(128, 0))
    drawn = [loader.example(number) for number in range(12)]
    said = {expression for example in drawn for expression, _ in example.targets}
    assert said == {"the red animal", "the red cat"}


def test_what_was_passed_over_is_in_the_log_and_in_the_record(ledger: Ledger) -> None:
    """Its sum is counted with its reason; a training without any says nothing about it."""
    result, log = _trained(ledger, _mixed(ledger))
    assert result["passed_over_without_target"] == sum(row.passed_over for row in log) > 0
    result, log = _trained(ledger, _mixed(ledger)[:1])
    assert "passed_over_without_target" not in result


class _Needing(MicroBackend):
    """The micro network, as particular as GSVA."""

    def scratch(self, seed: int) -> MicroTrainable:
        trainable = super().scratch(seed)
        trainable.needs_target = True
        return trainable


def _trained(ledger: Ledger, rows: list[Triplet]) -> tuple[dict[str, int], list[StepLog]]:
    params: TrainParams = replace(
        PLAIN, steps=6, parts=(MixturePart(name="refer_seg", ratio=1, rows="triplets", inputs=(0,)),)
    )
    backend, encoded = _Needing(), encode_params(params)
    inputs = (ledger.put_rows(rows).digest,)
    action = Action(TRAIN.name, TRAIN.version, backend.model.digest, encoded.decode(), inputs)
    request = ShardRequest(TRAIN.name, action.digest(), inputs, encoded)
    done = run_training(ledger, backend, request, silent)
    return done.counts, ledger.get_rows(done.outputs["log"], StepLog)
