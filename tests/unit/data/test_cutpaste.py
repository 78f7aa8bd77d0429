"""Composed scenes: exact masks, planned to fit a wish, the same for the same seed."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from synres.data.claims import parse_claims
from synres.data.colours import COLOURS, colour_shares
from synres.data.cutouts import SIDE, Studio, open_studio
from synres.data.cutpaste import Scene, foresee, paint, plan_scene
from synres.data.cutpaste_scenes import compose_scenes
from synres.data.facts import measure
from synres.data.grounds import tinted, with_backdrop
from synres.data.images import decode_image
from synres.data.layout import Wish
from synres.data.naming import named
from synres.data.paste import Canvas, Sprite, transformed
from synres.data.pixels import erode
from synres.domain.masks import decode_mask
from synres.ports import Image, SceneMask
from tests.unit.data.photo import SIZE, THINGS, block, photo, picture, things


@cache
def studio(crowded: bool = False) -> Studio:
    """`crowded`: a table covers half of the photo, so that its objects stay."""
    table = SceneMask("table", block(48, 0, 48, 128) & ~np.logical_or.reduce([t.mask for t in things()]))
    return open_studio(photo(), (*things(), table) if crowded else things())


ANYTHING = Wish()


def scene(seed: int, wish: Wish = ANYTHING, crowded: bool = False) -> Scene:
    opened, rng = studio(crowded), np.random.default_rng(seed)
    return paint(opened, plan_scene(opened, wish, rng), wish.target is not None)


@pytest.mark.parametrize("crowded", [False, True])
def test_masks_are_disjoint_and_of_the_pictures_size(crowded: bool) -> None:
    """Every pixel belongs to one object at most, and objects without pixels are not listed."""
    for seed in range(12):
        made = scene(seed, crowded=crowded)
        total = np.sum([thing.mask for thing in made.objects], axis=0)
        assert total.max() == 1
        assert all(thing.mask.shape == made.image.shape[:2] and thing.mask.any() for thing in made.objects)


def test_masks_are_exact() -> None:
    """Inside a mask the thing's own colour shows, outside of all masks the grey ground does."""
    for seed in range(12):
        made = scene(seed, Wish(boldness=0.4))
        for thing in made.objects:
            shares = colour_shares(made.image[thing.mask])
            assert shares[COLOURS.index("grey")] < 0.2
        ground = ~np.logical_or.reduce([thing.mask for thing in made.objects])
        assert np.ptp(made.image[ground].astype(int), axis=1).mean() < 12


def test_at_boldness_nought_the_photo_comes_back() -> None:
    """All objects, their own places: the picture differs from the photo by little more than its edges."""
    everything = Wish(target=0, others=frozenset({1, 2, 3}), boldness=0)
    made = scene(1, everything)
    assert [thing.category for thing in made.objects] == list(THINGS)
    assert made.target == 0
    assert np.median(np.abs(made.image.astype(int) - photo())) == 0
    for thing, before in zip(made.objects, things(), strict=True):
        assert (thing.mask & before.mask).sum() / (thing.mask | before.mask).sum() > 0.9


@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize("colour", ["purple", "orange", "pink"])
def test_a_wished_colour_is_dyed(crowded: bool, colour: str) -> None:
    """The target wears the colour that was asked for, pasted or in its place."""
    made = scene(3, Wish(target=0, colour=colour, boldness=0.1), crowded)
    assert made.target is not None
    target = made.objects[made.target]
    assert target.category == "cup"
    assert COLOURS[int(colour_shares(made.image[target.mask]).argmax())] == colour


def test_a_target_has_two_to_four_distractors() -> None:
    """On a cleared ground the objects beside the target are as many as the house wants; one twin may join."""
    opened = studio()
    for seed in range(20):
        plan = plan_scene(opened, Wish(target=2), np.random.default_rng(seed))
        assert plan.placed[0].index == 2
        assert 2 <= len(plan.placed) - 1 <= 4 + 1


def test_a_crowded_photo_keeps_its_objects() -> None:
    """Where objects cover most of a photo nothing is cut away: all stay, and copies join them."""
    opened = studio(crowded=True)
    assert not opened.cleared
    assert np.array_equal(opened.ground, photo())
    plan = plan_scene(opened, Wish(target=1), np.random.default_rng(0))
    assert sum(one.stays for one in plan.placed) == 5
    assert not plan.placed[-1].stays


@pytest.mark.parametrize("crowded", [False, True])
def test_what_is_foreseen_is_what_is_painted(crowded: bool) -> None:
    """Facts before painting are near those measured after it, for objects that nothing hides."""
    opened = studio(crowded)
    for seed in range(8):
        plan = plan_scene(opened, Wish(boldness=0.3), np.random.default_rng(seed))
        ahead = foresee(opened, plan)
        after = paint(opened, plan, False)
        seen = measure(after.image, after.objects)
        if len(seen) == len(ahead):
            unhidden = [(a, b) for a, b in zip(ahead, seen, strict=True) if 0.8 < b.area / a.area < 1.25]
            assert all(abs(a.x - b.x) < 0.06 and abs(a.y - b.y) < 0.06 for a, b in unhidden)


def test_the_same_seed_gives_the_same_scene() -> None:
    """Pure in photo, wish and seed, whatever was composed before from the same studio."""
    shared = open_studio(photo(), things())
    for seed in range(3):
        paint(shared, plan_scene(shared, Wish(), np.random.default_rng(seed)), False)
    again = paint(shared, plan_scene(shared, Wish(), np.random.default_rng(1)), False)
    fresh = scene(1)
    assert np.array_equal(again.image, fresh.image)
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(again.objects, fresh.objects, strict=True))


def test_a_soft_edge_has_no_halo() -> None:
    """A white square cut from black and pasted on white leaves no dark rim: edge colours come from inside."""
    image = np.zeros((60, 60, 3), np.uint8)
    image[block(20, 20, 20, 20, (60, 60))] = 255
    cutout = open_studio(image, [SceneMask("paper", block(20, 20, 20, 20, (60, 60)))]).cutouts[0]
    canvas = Canvas.on(np.full((60, 60, 3), 255, np.uint8))
    canvas.paint(Sprite(cutout.rgb, cutout.alpha, (10, 10)), 0)
    assert canvas.image().min() > 250
    assert 0 < ((cutout.alpha > 0.05) & (cutout.alpha < 0.95)).sum() < cutout.alpha.size / 2


def test_a_sprite_may_hang_over_any_border() -> None:
    """What lies outside is cut off, and a sprite that lies wholly outside changes nothing."""
    for corner in ((-5, -5), (15, 15), (-5, 15), (40, 40), (-40, 3)):
        canvas = Canvas.on(np.zeros((20, 20, 3), np.uint8))
        canvas.paint(
            Sprite(np.full((10, 10, 3), 200, np.uint8), np.ones((10, 10), np.float32), corner), 4, shadow=True
        )
        seen = np.zeros((20, 20), np.bool_)
        seen[max(0, corner[0]) : max(0, corner[0] + 10), max(0, corner[1]) : max(0, corner[1] + 10)] = True
        assert np.array_equal(canvas.mask_of(4), seen)


def test_transforms_keep_shape_and_side() -> None:
    """Mirroring swaps left and right; scaling by two doubles the sides."""
    rgb = np.zeros((6, 8, 3), np.uint8)
    rgb[:, :4] = 250
    out, alpha = transformed(rgb, np.ones((6, 8), np.float32), 2.0, mirrored=True)
    assert out.shape == (12, 16, 3)
    assert alpha.min() == 1
    assert out[6, 2, 0] == 0
    assert out[6, 13, 0] == 250


def large(image: Image, times: int) -> Image:
    return image.repeat(times, axis=0).repeat(times, axis=1)


def test_large_photos_are_brought_to_working_size() -> None:
    """The longest side of a scene is 384 pixels at most."""
    objects = [SceneMask(t.category, np.kron(t.mask, np.ones((5, 5), np.bool_))) for t in things()]
    opened = open_studio(large(photo(), 5), objects)
    assert opened.ground.shape == (288, SIDE, 3)
    assert all(mask.any() for mask in opened.masks)


def test_masks_that_vanish_keep_their_number() -> None:
    """A mask of no pixel at working size makes no error and no object."""
    empty = SceneMask("speck", np.zeros(SIZE, np.bool_))
    opened = open_studio(photo(), [empty, *things()])
    made = paint(opened, plan_scene(opened, Wish(others=frozenset({0})), np.random.default_rng(0)), False)
    assert "speck" not in [thing.category for thing in made.objects]


def test_a_photo_without_objects_is_a_scene_without_objects() -> None:
    """Nothing to cut out is no error."""
    opened = open_studio(photo(), [])
    assert paint(opened, plan_scene(opened, Wish(), np.random.default_rng(0)), False).objects == ()


def test_scene_datasets_refer_truly() -> None:
    """Each expression of each composed picture names, measured from its pixels, the object of its mask."""
    made = list(compose_scenes([picture()], 6, seed=2))
    assert len(made) == 6
    assert sum(len(one.referred) for one in made) > 20
    for one in made:
        image = decode_image(one.image)
        objects = [SceneMask(o.category, decode_mask(o.mask)) for o in one.objects]
        facts = measure(image, objects)
        for known in one.referred:
            number = named(parse_claims(known.expression, set(THINGS)), facts)
            assert number is not None
            assert one.objects[number].mask == known.mask


def test_scene_datasets_are_pure_and_grow_by_appending() -> None:
    """Scene i is the same in a set of two and in a set of four; another seed gives others."""
    two = list(compose_scenes([picture()], 2, seed=2))
    four = list(compose_scenes([picture()], 4, seed=2))
    assert four[:2] == two
    assert list(compose_scenes([picture()], 2, seed=3)) != two
    assert list(compose_scenes([], 2, seed=3)) == []


def test_scenes_are_shared_out_over_photos() -> None:
    """Two photos make half of the scenes each, and a scene never mixes them."""
    names = [one.name for one in compose_scenes([picture(), picture()], 5, seed=0)]
    assert sorted(names) == [f"table.png~{index}" for index in range(5)]


def test_a_tinted_ground_leaves_the_objects() -> None:
    """The grey table becomes blue; things that stand in a crowded photo keep their pixels."""
    opened = studio(crowded=True)
    blue = tinted(opened, "blue")
    assert np.abs(blue.ground.astype(int) - opened.ground)[erode(opened.masks[0], 2)].max() <= 2
    bare = erode(opened.cover == 0, 2)
    assert COLOURS[int(colour_shares(blue.ground[bare]).argmax())] == "blue"
    assert COLOURS[int(colour_shares(tinted(studio(), "green").ground.reshape(-1, 3)).argmax())] == "green"


def test_a_backdrop_shows_no_object() -> None:
    """Out of focus and without the things, a crowded photo's cut-outs stand alone."""
    alone = with_backdrop(studio(crowded=True))
    assert alone.cleared
    assert np.ptp(alone.ground.astype(int), axis=2).max() < 12
    assert paint(alone, plan_scene(alone, Wish(), np.random.default_rng(0)), False).objects


def test_scenes_of_one_photo_have_many_grounds() -> None:
    """Half of a dataset's scenes stand before another colour than the photo's."""
    made = [decode_image(one.image) for one in compose_scenes([picture()], 24, seed=1)]
    names = {COLOURS[int(colour_shares(image.reshape(-1, 3)).argmax())] for image in made}
    assert "grey" in names
    assert len(names) >= 4
