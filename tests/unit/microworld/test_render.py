"""Drawing: pure functions of the scene, and masks that say exactly what is seen."""

from __future__ import annotations

import numpy as np
import pytest

from synres.microworld.render import crop_around, render, single_object_picture
from synres.microworld.scene import Scene, SceneObjectSpec, random_scene
from synres.microworld.vocabulary import COLOURS, DOMAINS, SHAPES, TEXTURES


def _object(x: float, y: float, shape: str = "square", colour: str = "red") -> SceneObjectSpec:
    return SceneObjectSpec(shape, colour, "plain", "large", x, y, 0.0, 12.0)


@pytest.mark.parametrize("domain", DOMAINS)
def test_same_scene_same_bytes(domain: str) -> None:
    """A scene is drawn the same twice, in every domain."""
    scene = random_scene(np.random.default_rng(3), domain=domain)
    (first, first_masks), (second, second_masks) = render(scene), render(scene)
    assert first.shape == (96, 96, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert np.array_equal(first_masks, second_masks)


def test_masks_never_overlap() -> None:
    """A pixel belongs to one object at most, also where objects overlap."""
    for seed in range(20):
        _, masks = render(random_scene(np.random.default_rng(seed), (8, 8)))
        assert masks.sum(axis=0).max() <= 1


def test_the_front_object_hides_the_back_one() -> None:
    """Of two squares in one place, only the later one is seen."""
    _, masks = render(Scene((_object(48, 48), _object(48, 48, colour="blue")), 1))
    assert masks[0].sum() == 0
    assert masks[1].sum() == pytest.approx((2 * 0.76 * 12) ** 2, rel=0.1)


@pytest.mark.parametrize("colour", COLOURS)
def test_mask_covers_the_object(colour: str) -> None:
    """Inside the mask of a plain object the mean colour is near the word's colour."""
    image, masks = render(Scene((_object(40, 52, colour=colour),), 5))
    assert np.abs(image[masks[0]].mean(axis=0) - COLOURS[colour]).max() < 12


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_fills_a_fair_part_of_its_circle(shape: str) -> None:
    """No shape vanishes: each covers a fifth to nine tenths of the circle around it, alike at any angle."""
    areas = []
    for angle in (0.0, 0.4, 1.1):
        spec = SceneObjectSpec(shape, "red", "plain", "large", 48, 48, angle, 14.0)
        areas.append(render(Scene((spec,), 2))[1].sum() / (np.pi * 14**2))
    assert min(areas) > 0.2
    assert max(areas) < 0.9
    assert max(areas) - min(areas) < 0.08


def test_textures_differ() -> None:
    """The four textures of one object give four pictures and one mask."""
    specs = [SceneObjectSpec("circle", "red", t, "large", 48, 48, 0.3, 14.0) for t in TEXTURES]
    drawn = [render(Scene((spec,), 9)) for spec in specs]
    assert len({image.tobytes() for image, _ in drawn}) == len(TEXTURES)
    assert len({masks.tobytes() for _, masks in drawn}) == 1


def test_object_beyond_the_border_has_an_empty_mask() -> None:
    """An object outside the picture is drawn as nothing."""
    _, masks = render(Scene((_object(-60, 48),), 1))
    assert not masks.any()


@pytest.mark.parametrize("neighbours", [False, True])
def test_single_object_picture(neighbours: bool) -> None:
    """One object in the middle of 48 x 48 pixels, a function of the generator's state."""
    first, spec = single_object_picture(np.random.default_rng(11), neighbours=neighbours)
    second, _ = single_object_picture(np.random.default_rng(11), neighbours=neighbours)
    assert first.shape == (48, 48, 3)
    assert np.array_equal(first, second)
    assert abs(spec.x - 24) <= 3


def test_crop_repeats_the_border() -> None:
    """The crop of an object in a corner keeps its size and holds the object in its middle."""
    image, masks = render(Scene((_object(10, 10),), 4))
    crop = crop_around(image, masks[0])
    assert crop.shape == (48, 48, 3)
    assert np.abs(crop[20:28, 20:28].mean(axis=(0, 1)) - COLOURS["red"]).max() < 12
