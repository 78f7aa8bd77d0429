"""The loader: batches that are a function of the step, mosaics, superclasses, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.trainer.loader import Loader
from services.trainer.trainable import Batch, Shape
from synres.data.images import encode_png
from synres.domain.masks import encode_mask
from synres.domain.types import Triplet
from synres.errors import InvalidInput, MixturePartEmpty
from synres.ledger.ledger import Ledger
from synres.microworld.vocabulary import SUPERCLASSES
from synres.stages.params import MixturePart, TrainParams
from tests.fakes import MemoryStore
from tests.trainings import PARAMS, real_rows

SIDE = 96


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    """A store with pictures in memory."""
    return Ledger(MemoryStore())


@pytest.fixture(scope="module")
def rows(ledger: Ledger) -> list[Triplet]:
    """Triplets of eight real pictures."""
    return ledger.get_rows(real_rows(ledger), Triplet)


def _loader(ledger: Ledger, rows: list[Triplet], params: TrainParams) -> Loader:
    return Loader(ledger, {part.name: rows for part in params.parts}, params, Shape(SIDE))


def _equal(a: Batch, b: Batch) -> bool:
    return (
        np.array_equal(a.images, b.images)
        and np.array_equal(a.masks, b.masks)
        and np.array_equal(a.owners, b.owners)
        and a.expressions == b.expressions
    )


def test_a_batch_is_a_function_of_its_step(ledger: Ledger, rows: list[Triplet]) -> None:
    """Another loader, asked in another order, hands out the same batch; another step is another batch."""
    first, second = _loader(ledger, rows, PARAMS), _loader(ledger, rows, PARAMS)
    forward = [first.batch(step) for step in range(4)]
    backward = [second.batch(step) for step in reversed(range(4))]
    assert all(_equal(a, b) for a, b in zip(forward, reversed(backward), strict=True))
    assert not _equal(forward[0], forward[1])


def test_the_slices_of_a_step_are_its_batch_in_parts(ledger: Ledger, rows: list[Triplet]) -> None:
    """Three slices of two pictures are the six of the step, in order: no process sees another's."""
    loader = _loader(ledger, rows, replace(PARAMS, batch_size=6))
    whole, slices = loader.batch(1), [loader.batch(1, place, 3) for place in range(3)]
    assert [len(part.images) for part in slices] == [2, 2, 2]
    for name in ("images", "masks", "expressions"):
        together = [each for part in slices for each in getattr(part, name)]
        assert np.array_equal(together, getattr(whole, name))


def test_a_batch_has_the_shapes_that_a_model_takes(ledger: Ledger, rows: list[Triplet]) -> None:
    """Square pictures, one mask and one owner for each expression, at most three expressions of a picture."""
    batch = _loader(ledger, rows, replace(PARAMS, batch_size=5)).batch(0)
    assert np.shape(batch.images) == (5, SIDE, SIDE, 3)
    assert np.shape(batch.masks) == (len(batch.expressions), SIDE, SIDE)
    assert batch.owners.shape == (len(batch.expressions),)
    assert np.bincount(batch.owners).max() <= PARAMS.expressions_per_picture


def test_no_mask_is_empty(ledger: Ledger, rows: list[Triplet]) -> None:
    """A target that vanished from its tile is no target."""
    loader = _loader(ledger, rows, replace(PARAMS, mosaic_probability=1.0))
    assert all(all(mask.any() for mask in loader.batch(step).masks) for step in range(10))


@pytest.mark.parametrize(("probability", "tiles"), [(0.0, {1}), (1.0, set(range(4, 10)))])
def test_a_mosaic_has_four_to_nine_tiles(
    ledger: Ledger, rows: list[Triplet], probability: float, tiles: set[int]
) -> None:
    """One real tile and three to eight others, or the picture alone."""
    loader = _loader(ledger, rows, replace(PARAMS, mosaic_probability=probability))
    assert {loader.example(number).tiles for number in range(60)} == tiles


def test_only_draws_of_the_mosaic_part_become_mosaics(ledger: Ledger, rows: list[Triplet]) -> None:
    """With equal ratios, half of the examples are mosaics, and exactly half."""
    parts = tuple(MixturePart(name=n, ratio=1, rows="triplets", inputs=(0,)) for n in ("refer_seg", "synres"))
    params = replace(PARAMS, parts=parts, mosaic_probability=1.0, mosaic_from="synres")
    loader = _loader(ledger, rows, params)
    assert sum(loader.example(number).tiles > 1 for number in range(40)) == 20


def test_superclasses_come_with_their_probability(ledger: Ledger, rows: list[Triplet]) -> None:
    """At 0 no broader noun occurs, at 1 one does; what would name another object is refused and counted."""
    never = _loader(ledger, rows, replace(PARAMS, superclass_probability=0.0))
    always = _loader(ledger, rows, replace(PARAMS, superclass_probability=1.0, mosaic_probability=0.0))
    quiet = [never.batch(step) for step in range(10)]
    loud = [always.batch(step) for step in range(10)]
    assert not _broader(quiet) and _broader(loud)
    assert sum(batch.refusals for batch in quiet) == 0
    assert sum(batch.refusals for batch in loud) > 0


def test_places_are_not_named_in_mosaics(ledger: Ledger, rows: list[Triplet]) -> None:
    """What was on the left of its picture is anywhere in the mosaic."""
    placed = [replace(row, expression=f"{row.expression} on the left") for row in rows]
    loader = _loader(ledger, [*rows, *placed], replace(PARAMS, mosaic_probability=1.0))
    words = {word for step in range(20) for e in loader.batch(step).expressions for word in e.split()}
    assert words and "left" not in words


def test_an_expression_that_tiles_share_names_all_of_them(ledger: Ledger, rows: list[Triplet]) -> None:
    """Eight tiles of one picture: its expression has a target in each."""
    loader = _loader(ledger, rows[:1], replace(PARAMS, mosaic_probability=1.0, superclass_probability=0.0))
    example = loader.example(0)
    ((_, mask),) = example.targets
    assert _components(mask) >= 2


def test_a_broader_noun_names_what_it_fits_in_every_tile(ledger: Ledger) -> None:
    """Of circles and rings: "the red roundel" has a target in each tile, whichever it was broadened from."""
    shapes = [_square(ledger, value, noun) for value, noun in enumerate(("circle", "ring"))]
    loader = _loader(ledger, shapes, replace(PARAMS, mosaic_probability=1.0, superclass_probability=1.0))
    for number in range(8):
        example = loader.example(number)
        ((expression, mask),) = example.targets
        assert (expression, mask.sum()) == ("the red roundel", 256 * example.tiles)


def test_a_batch_without_a_visible_object_draws_on(ledger: Ledger, rows: list[Triplet]) -> None:
    """What vanishes as its picture shrinks is passed over, at every step alike."""
    loader = _loader(ledger, [rows[0], _speck(ledger)], replace(PARAMS, batch_size=1, mosaic_probability=0.0))
    empty = [step for step in range(10) if not loader.example(step).targets]
    assert empty
    assert all(np.any(loader.batch(step).masks) for step in range(10))
    assert _equal(loader.batch(empty[0]), loader.batch(empty[0]))


def test_pictures_in_which_nothing_can_be_seen_are_the_users(ledger: Ledger, rows: list[Triplet]) -> None:
    """Drawing on has an end, and says the side at which nothing is left."""
    loader = _loader(ledger, [_speck(ledger)], replace(PARAMS, batch_size=1, mosaic_probability=0.0))
    with pytest.raises(InvalidInput, match=r"no object can be seen in 20 draws of 1 .* at 96 x 96"):
        loader.batch(0)


def _square(ledger: Ledger, value: int, noun: str) -> Triplet:
    """16 x 16 pixels in the middle of a picture, whatever it is called."""
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[40:56, 40:56] = True
    image = ledger.put_blob(encode_png(np.full((SIDE, SIDE, 3), value, np.uint8)), "image/png")
    return Triplet(noun, image, encode_mask(mask), f"the red {noun}", noun)


def _speck(ledger: Ledger) -> Triplet:
    """One pixel that no picture of 96 x 96 shows."""
    mask = np.zeros((400, 400), np.bool_)
    mask[1, 1] = True
    image = ledger.put_blob(encode_png(np.zeros((400, 400, 3), np.uint8)), "image/png")
    return Triplet("speck", image, encode_mask(mask), "the speck", "speck")


def test_a_part_with_a_ratio_needs_data(ledger: Ledger) -> None:
    """It is never left out in silence."""
    with pytest.raises(MixturePartEmpty, match="refer_seg"):
        _loader(ledger, [], PARAMS)


def _broader(batches: list[Batch]) -> bool:
    return any(noun in e for batch in batches for e in batch.expressions for noun in SUPERCLASSES)


def _components(mask: np.ndarray) -> int:
    """Runs of filled columns or rows, whichever are more: the tiles are at least as many."""
    runs = [np.flatnonzero(np.diff(mask.any(axis=axis).astype(int), prepend=0) == 1).size for axis in (0, 1)]
    return max(runs)
