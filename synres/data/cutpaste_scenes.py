"""A dataset of composed scenes: exact masks, and expressions that are true of one object each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from synres.data.attributes import describe_near, find_landmarks
from synres.data.cutouts import Studio, open_studio
from synres.data.cutpaste import Scene, paint, plan_scene
from synres.data.facts import measure
from synres.data.grounds import Grounds
from synres.data.images import decode_image, encode_png
from synres.data.layout import Wish
from synres.data.source import Picture, Referred
from synres.domain.masks import decode_mask, encode_mask
from synres.domain.seeds import rng as named_rng
from synres.domain.types import SceneObject
from synres.ports import SceneMask

OBJECTS = 6
EXPRESSIONS = 3
"""At most so many objects of a scene are referred to, each by so many expressions."""
MIN_SHARE = 0.004
"""Smaller objects, as a share of the picture, are seen but not referred to."""


def compose_scenes(pictures: Iterable[Picture], scenes: int, seed: int) -> Iterator[Picture]:
    """`scenes` new pictures of at most 384 pixels a side, in equal numbers of each photo; none of no photo.

    A scene takes cut-outs and ground from one photo; scene i depends on (seed, i) and its photo alone.
    """
    photos = list(pictures)
    for start, photo in enumerate(photos):
        grounds = Grounds(_studio_of(photo))
        for index in range(start, scenes, len(photos)):
            rng = named_rng(seed, "cutpaste_scenes", index)
            studio = grounds.draw(rng)
            scene = paint(studio, plan_scene(studio, Wish(), rng), has_target=False)
            yield _picture(scene, f"{photo.name}~{index}", photo.domain, rng)


def _studio_of(photo: Picture) -> Studio:
    objects = [SceneMask(o.category, decode_mask(o.mask)) for o in photo.objects]
    return open_studio(decode_image(photo.image), objects)


def _picture(scene: Scene, name: str, domain: str, rng: np.random.Generator) -> Picture:
    objects = tuple(SceneObject(o.category, encode_mask(o.mask)) for o in scene.objects)
    facts = measure(scene.image, scene.objects)
    landmarks = find_landmarks(facts)
    large = [i for i, seen in enumerate(facts) if seen.area >= MIN_SHARE]
    referred = [
        Referred(expression, objects[i].mask, objects[i].category)
        for i in sorted(large[k] for k in rng.permutation(len(large))[:OBJECTS])
        for expression in describe_near(facts, landmarks, i, EXPRESSIONS, rng)
    ]
    return Picture(name, encode_png(scene.image), objects, tuple(referred), domain)
