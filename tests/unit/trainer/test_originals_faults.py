"""What the originals draw, collate and label wrongly, in both positions of the switch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from services.trainer.backends import load_backend
from services.trainer.backends.micro import MicroBackend
from services.trainer.backends.res import ResTrainable, training_batch
from services.trainer.loader import Loader
from services.trainer.trainable import Batch, Shape
from synres.data.images import encode_png
from synres.domain.masks import encode_mask
from synres.domain.types import SummedTriplet
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from tests.res_trainings import CHOICES, GLAMM, GSVA, LISA, picture
from tests.trainings import PARAMS

pytestmark = pytest.mark.usefixtures("res_models")
Faults = Literal["mended", "original"]
PLAIN = replace(PARAMS, batch_size=1, mosaic_probability=0.0, superclass_probability=0.0)
SIDE = 128


def _half(upper: bool) -> np.ndarray:
    """(128, 128): the upper or the lower half of a square in the middle."""
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[(slice(32, 64) if upper else slice(64, 96)), 32:96] = True
    return mask


def _row(ledger: Ledger, expression: str, mask: np.ndarray, twice: np.ndarray | None = None) -> SummedTriplet:
    blob = ledger.put_blob(encode_png(picture()[0]), "image/png")
    overlaps = () if twice is None else (encode_mask(twice),)
    return SummedTriplet("it", blob, encode_mask(mask), expression, overlaps=overlaps)


def _loader(ledger: Ledger, rows: list[SummedTriplet], faults: Faults, **changes: int) -> Loader:
    params = replace(PLAIN, faults=faults, **changes)
    return Loader(ledger, {"refer_seg": rows}, params, Shape(SIDE, 0))


def _batch(ledger: Ledger, rows: list[SummedTriplet], faults: Faults) -> Batch:
    return _loader(ledger, rows, faults).batch(0)


def test_an_expression_of_two_objects_names_both_or_either(ledger: Ledger) -> None:
    """Mended it has one target, their union; an original asks twice, and each time means another one."""
    rows = [_row(ledger, "a box", _half(True)), _row(ledger, "a box", _half(False))]
    mended, original = _batch(ledger, rows, "mended"), _batch(ledger, rows, "original")
    assert mended.expressions == ("a box",) and np.array_equal(mended.masks[0], _half(True) | _half(False))
    assert original.expressions == ("a box", "a box")
    assert [
        np.array_equal(mask, _half(upper)) for mask, upper in zip(original.masks, (True, False), strict=True)
    ]


def test_what_was_said_twice_is_drawn_once_or_twice_as_often(ledger: Ledger) -> None:
    """Of an object's expressions each is drawn alike; an original draws among all sentences."""
    rows = [_row(ledger, text, _half(True)) for text in ("left", "left", "left", "the box")]
    drawn = {}
    for faults in ("mended", "original"):
        loader = _loader(ledger, rows, faults, expressions_per_picture=1)
        drawn[faults] = Counter(loader.example(number).targets[0][0] for number in range(120))
    assert 40 < drawn["mended"]["left"] < 80 and 75 < drawn["original"]["left"] < 105


def test_all_are_asked_for_in_order_where_they_are_few(ledger: Ledger) -> None:
    """An original shuffles nothing there."""
    rows = [_row(ledger, text, _half(True)) for text in ("c", "a", "b")]
    loader = _loader(ledger, rows, "original")
    assert {loader.batch(step).expressions for step in range(6)} == {("c", "a", "b")}
    mended = _loader(ledger, rows, "mended")
    assert len({mended.batch(step).expressions for step in range(6)}) > 1


@pytest.mark.parametrize(
    ("name", "faults", "most"),
    [(LISA, "mended", 1), (LISA, "original", 2), (GLAMM, "original", 2), (GSVA, "original", 1)],
)
def test_overlapping_parts_count_twice_where_they_did(
    ledger: Ledger, name: str, faults: Faults, most: int
) -> None:
    """LISA and GLaMM sum the parts of a mask; GSVA has always counted them once."""
    trainable = load_backend(CHOICES[name]).open(None, 1)
    assert isinstance(trainable, ResTrainable)
    twice = _half(True) & np.roll(_half(True), 8, axis=0)
    batch = _batch(ledger, [_row(ledger, "a box", _half(True), twice)], faults)
    made = training_batch(trainable.module, trainable._tokens, trainable._words, batch)
    features, _ = trainable.module.encode(made.sam_pixels, made.clip_pixels)
    vectors = [features.new_zeros(1, trainable.module.sizes.out_dim)]
    logits = trainable.module.training_logits(made, features, vectors)
    (wanted,) = trainable.module.training_targets(made, logits)
    expected = _half(True).astype(np.float32) + (twice if most == 2 else 0)
    assert np.array_equal(wanted[0].numpy(), expected) and wanted.max() == most
    assert trainable.loss(batch).isfinite()


def test_the_micro_network_never_counts_twice(ledger: Ledger) -> None:
    """It is none of the originals: its loss is the same in both positions."""
    rows = [_row(ledger, "a box", _half(True), _half(True))]
    trainable = MicroBackend().scratch(1)
    losses = []
    for faults in ("mended", "original"):
        params = replace(PLAIN, faults=faults)
        losses.append(trainable.loss(Loader(ledger, {"refer_seg": rows}, params, trainable.shape).batch(0)))
    assert losses[0].item() == losses[1].item()


@pytest.mark.parametrize("name", [LISA, GLAMM])
def test_an_answer_that_does_not_fit(ledger: Ledger, name: str) -> None:
    """Mended it is an error, as it is in LISA; GLaMM trained on what was left, and said nothing."""
    trainable = load_backend(CHOICES[name]).open(None, 1)
    assert isinstance(trainable, ResTrainable)
    rows = [_row(ledger, "a box", _half(True)), _row(ledger, "dog " * 3000, _half(False))]
    with pytest.raises(InvalidInput, match="the conversation is cut"):
        trainable.loss(_batch(ledger, rows, "mended"))
    if name == LISA:
        with pytest.raises(InvalidInput, match="the conversation is cut"):
            trainable.loss(_batch(ledger, rows, "original"))
    else:
        assert trainable.loss(_batch(ledger, rows, "original")).isfinite()
