"""Mosaics whose expressions grow broader: what they name then, and what refuses it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.trainer.backends.micro import MicroBackend
from services.trainer.checkpoints import StepLog
from services.trainer.loader import Example, Loader
from services.trainer.mosaics import Place, bystanders, make_mosaic
from services.trainer.pictures import TargetObject, TrainingPicture
from services.trainer.recipe import run_training
from services.trainer.superclasses import superclass_table
from services.trainer.trainable import Shape
from synres.data.images import encode_png
from synres.domain.masks import encode_mask
from synres.domain.mosaic import Box, plan_mosaic
from synres.domain.seeds import rng
from synres.domain.types import Triplet
from synres.ledger.ledger import Ledger
from synres.stages.params import MixturePart
from tests.fakes import MemoryStore
from tests.trainings import PARAMS, train_request

SIDE, WHOLE = 96, 400
MIDDLE, NEAR, FAR = (196, 196), (196, 208), (20, 20)
"""Places of objects of 8 x 8 pixels; a tile around one of the first two shows the other."""
Said = tuple[str, str, tuple[int, int]]
ALWAYS = replace(
    PARAMS, mosaic_probability=1.0, superclass_probability=1.0, superclass_table="wordnet",
    expressions_per_picture=9, mosaic_from="synres",
    parts=tuple(MixturePart(name=n, ratio=1, rows="triplets", inputs=(0,)) for n in ("refer_seg", "synres")),
)  # fmt: skip


def _mask(top: int, left: int) -> np.ndarray:
    mask = np.zeros((WHOLE, WHOLE), np.bool_)
    mask[top : top + 8, left : left + 8] = True
    return mask


def _rows(ledger: Ledger, shade: int, *objects: Said) -> list[Triplet]:
    """One picture of objects: expression, category and place."""
    image = ledger.put_blob(encode_png(np.full((WHOLE, WHOLE, 3), shade, np.uint8)), "image/png")
    return [
        Triplet(f"p{shade}", image, encode_mask(_mask(*place)), expression, category)
        for expression, category, place in objects
    ]


def _mosaics(real: list[Said], tiles: list[Said], **changes: object) -> list[Example]:
    """Of the first forty draws; each synthetic object is in a picture of its own."""
    ledger = Ledger(MemoryStore())
    synthetic = [row for k, said in enumerate(tiles) for row in _rows(ledger, k + 1, said)]
    rows = {"refer_seg": _rows(ledger, 0, *real), "synres": synthetic}
    loader = Loader(ledger, rows, replace(ALWAYS, **changes), Shape(SIDE))
    return [found for found in map(loader.example, range(40)) if found.tiles > 1]


def _said(examples: list[Example]) -> set[str]:
    return {expression for example in examples for expression, _ in example.targets}


def test_what_another_tile_shows_refuses_a_broader_noun() -> None:
    """A tile shows a red car beside its van: "the red vehicle" is refused and counted, in all tiles."""
    mosaics = _mosaics(
        [("the red van", "car", MIDDLE), ("the red car", "car", NEAR)], [("the red bus", "bus", FAR)]
    )
    assert _said(mosaics) == {"the red van", "the red car", "the red bus"}
    assert all(example.refusals == len(example.targets) for example in mosaics)


def test_what_no_tile_shows_refuses_nothing() -> None:
    """The same car in a far corner of its picture, or one that is told apart by its colour."""
    for other, tile in ((("the red car", "car", FAR), "red"), (("the tan car", "car", NEAR), "green")):
        mosaics = _mosaics([("the red van", "truck", MIDDLE), other], [(f"the {tile} bus", "bus", FAR)])
        assert "the red vehicle" in _said(mosaics)
        assert sum(example.refusals for example in mosaics) == 0


def test_expressions_that_become_equal_have_all_their_targets() -> None:
    """A red van and red buses are one expression then, and one mask with an object in each tile."""
    for example in _mosaics([("the red van", "truck", MIDDLE)], [("the red bus", "bus", FAR)]):
        ((expression, mask),) = example.targets
        assert expression == "the red vehicle"
        assert mask.sum() == example.tiles * 64


def test_nouns_of_several_words_keep_their_target() -> None:
    """A fire hydrant that became an outdoor object is known as one, and no kin of a hot dog."""
    (hydrant, dog) = (("the red fire hydrant", "fire hydrant", MIDDLE), ("the hot dog", "hot dog", FAR))
    for example in _mosaics([hydrant], [dog, ("the brown dog", "dog", FAR)]):
        masks = dict(example.targets)
        assert masks["the red outdoor object"].sum() == 64
        if {"the food", "the brown animal"} <= masks.keys():
            assert not (masks["the food"] & masks["the brown animal"]).any()


def test_dense_mosaics_are_look_alikes() -> None:
    """All synthetic tiles of a mosaic are of one category, where `dense` says so."""
    tiles = [
        (f"the {colour} {kind}", kind, FAR) for kind in ("dog", "bus") for colour in ("red", "blue", "tan")
    ]
    real = [("the white cat", "cat", MIDDLE)]
    for dense in (0.0, 1.0):
        found = _mosaics(real, tiles, mosaic_dense=dense, superclass_probability=0.0)
        kinds = [{e.split()[-1] for e, _ in example.targets} - {"cat"} for example in found]
        assert found and all(len(kind) == 1 for kind in kinds) == bool(dense)


def _places(generator: np.random.Generator, count: int) -> list[Place]:
    """Pictures with two objects each, anywhere and of any size."""
    places = []
    for k in range(count):
        objects = []
        for name in ("van", "cup"):
            mask = np.zeros((WHOLE, WHOLE), np.bool_)
            top, left, height, width = generator.integers(1, WHOLE // 2, 4)
            mask[top : top + height, left : left + width] = True
            objects.append(TargetObject(encode_mask(mask), name, (f"the {name} number {k}",)))
        picture = TrainingPicture(lambda: np.zeros((WHOLE, WHOLE, 3), np.uint8), tuple(objects))
        places.append((picture, objects[int(generator.integers(2))]))
    return places


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(4, 9))
def test_no_pixel_of_a_mask_leaves_its_tile(seed: int, tiles: int) -> None:
    """For every number of tiles: of what names one tile's object nothing is set outside that tile's box."""
    places = _places(rng(seed), tiles)
    mosaic = make_mosaic(places, SIDE, seed, superclass_table("wordnet"))
    layout = plan_mosaic(seed, tiles, (SIDE, SIDE))
    for (_, chosen), box in zip(places, layout, strict=True):
        mask = mosaic.mask(chosen.expressions[0])
        assert mask.sum() == _inside(mask, box).sum()
    vehicles = mosaic.mask("the vehicle")
    for (_, chosen), box in zip(places, layout, strict=True):
        named = mosaic.mask(chosen.expressions[0]) if chosen.category == "van" else np.zeros_like(vehicles)
        assert np.array_equal(_inside(vehicles, box), _inside(named, box))


def _inside(mask: np.ndarray, box: Box) -> np.ndarray:
    return np.asarray(box.of(mask))


def test_bystanders_are_what_the_windows_show() -> None:
    """An object beside the chosen one is there, one in a far corner and the chosen one itself are not."""
    objects = [
        TargetObject(encode_mask(_mask(*place)), "car", (f"the car {k}",))
        for k, place in enumerate((MIDDLE, NEAR, FAR))
    ]
    picture = TrainingPicture(lambda: np.zeros((WHOLE, WHOLE, 3), np.uint8), tuple(objects))
    assert bystanders([(picture, objects[0])] * 4, SIDE, 1) == [("car", "the car 1")]


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_refusals_reach_the_record_the_log_and_the_report(probability: float) -> None:
    """All three count the same, step by step; none without replacement."""
    ledger, heard = Ledger(MemoryStore()), []
    request = train_request(ledger, mosaic_probability=0.0, superclass_probability=probability)
    result = run_training(ledger, MicroBackend(), request, lambda **facts: heard.append(facts["refusals"]))
    logged = [row.refusals for row in ledger.get_rows(result.outputs["log"], StepLog)]
    assert logged == heard
    assert result.counts["refusals"] == sum(logged)
    assert (sum(logged) > 0) == (probability > 0)
