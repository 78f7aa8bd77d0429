"""What an expression names in a mosaic, worked out on tiles of one colour."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from services.trainer.mosaics import MosaicPool, make_mosaic
from services.trainer.pictures import TargetObject, TrainingPicture
from services.trainer.superclasses import superclass_table
from synres.domain.masks import encode_mask
from synres.domain.seeds import rng

SIDE = 96
TABLE = superclass_table("microworld")


def _picture(*expressions: str, category: str = "circle") -> TrainingPicture:
    """A picture with one object of 8 x 8 pixels in its middle."""
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[44:52, 44:52] = True
    return TrainingPicture(
        lambda: np.zeros((SIDE, SIDE, 3), np.uint8), (TargetObject(encode_mask(mask), category, expressions),)
    )


def _count(names: list[str], *pictures: TrainingPicture, table: Mapping[str, str] = TABLE) -> list[int]:
    """How many objects each name has in the mosaic of the pictures."""
    places = [(picture, picture.objects[0]) for picture in pictures]
    mosaic = make_mosaic(places, SIDE, 1, table)
    return [len(mosaic.named(name)) for name in names]


def test_an_expression_names_what_others_entail() -> None:
    """ "The red circle" fits what is known as "the small red circle", and not the other way round."""
    tiles = (
        _picture("the red circle"),
        _picture("the small red circle"),
        _picture("the blue circle"),
        _picture("the red ring", category="ring"),
    )
    names = ["the red circle", "the small red circle", "the circle", "the red thing", "the green circle"]
    assert _count(names, *tiles) == [2, 1, 3, 3, 0]


def test_a_broader_noun_names_every_shape_under_it() -> None:
    """Circle and ring are roundels, a star is not; words of several expressions of one object add up."""
    tiles = (
        _picture("the small circle", "the red circle"),
        _picture("the red ring", category="ring"),
        _picture("the red star", category="star"),
        _picture("the bar", category="bar"),
    )
    assert _count(["the red roundel", "the small red roundel"], *tiles) == [2, 1]


def test_what_stands_beside_a_thing_is_none() -> None:
    """ "The red bus" is not the man beside it, nor the car behind it; "the red one" is whatever is red."""
    tiles = (
        _picture("the red bus", "the bus next to a car", category="bus"),
        _picture("the man beside the red bus", category="man"),
        _picture("a car behind the red bus", category="car"),
        _picture("the dirty red bus in the street", category="bus"),
    )
    names = ["the red bus", "the car", "the man", "the red one", "the red vehicle", "the dirty bus"]
    assert _count(names, *tiles, table=superclass_table("coco")) == [2, 1, 1, 4, 3, 1]


def test_targets_keep_to_their_tiles() -> None:
    """Masks of different tiles never meet, and each object keeps its scale."""
    tiles = [_picture(f"the {colour} circle") for colour in ("red", "blue", "green", "pink")]
    mosaic = make_mosaic([(tile, tile.objects[0]) for tile in tiles], SIDE, 1, TABLE)
    masks = [mosaic.mask(f"the {colour} circle") for colour in ("red", "blue", "green", "pink")]
    assert [int(mask.sum()) for mask in masks] == [64] * 4
    assert not np.logical_and.reduce(masks).any()


def test_related_tiles_are_drawn_more_often() -> None:
    """Of forty pictures two share an expression; a draw that begins with one brings the other along."""
    pictures = [_picture("the red circle"), _picture("the red circle")]
    pictures += [_picture(f"the circle number {k}") for k in range(38)]
    pool = MosaicPool(pictures)
    met = 0
    for seed in range(400):
        drawn = [found.expressions[0] for _, found in pool.draw(4, rng(seed))]
        met += drawn[0] == "the red circle" and drawn.count("the red circle") > 1
    began = sum(pool.draw(4, rng(seed))[0][1].expressions[0] == "the red circle" for seed in range(400))
    assert met > 0.6 * began > 0


def test_look_alikes_are_drawn_side_by_side() -> None:
    """All of one category, whatever they are called."""
    pool = MosaicPool([_picture(f"the {k} circle") for k in range(5)] + [_picture("the bar", category="bar")])
    for seed in range(50):
        assert len({found.category for _, found in pool.draw_alike(8, rng(seed))}) == 1
