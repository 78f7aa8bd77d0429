"""The renderer driven by expressions: a declared upper bound with exact masks, never to be called text-to-
image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from synres.domain.types import Expression
from synres.microworld.expressions import Constraints, matching_objects, parse_expression, stands_at
from synres.microworld.layouts import conform, differ
from synres.microworld.render import render, union_of
from synres.microworld.scene import Attributes, Scene, SceneObjectSpec, moved, place, random_attributes

ATTRIBUTE_FAILURE_SHARE = 0.08
_ATTRIBUTES = ("shape", "colour", "texture", "size")


def render_prompt(
    expressions: Sequence[Expression], seed: int, failure_share: float = ATTRIBUTE_FAILURE_SHARE
) -> tuple[NDArray[np.uint8], tuple[NDArray[np.bool_], ...]]:
    """One picture for expressions of one object, with 2 to 4 distractors.

    Each attribute of the object comes out wrong with probability `failure_share`. Image (96, 96, 3) uint8
    and one exact mask (96, 96) bool for each expression, all False where nothing in the picture is so.
    Raises InvalidInput for a word that the micro world does not know.
    """
    stated = [parse_expression(text) for text in expressions]
    scene = _compose(np.random.default_rng(seed), stated, failure_share)
    image, masks = render(scene)
    return image, tuple(union_of(masks, matching_objects(scene, one)) for one in stated)


def _compose(rng: np.random.Generator, stated: Sequence[Constraints], failure_share: float) -> Scene:
    target = random_attributes(rng)
    for constraints in reversed(stated):
        target = conform(rng, target, constraints)
    for name in _ATTRIBUTES:
        if rng.random() < failure_share:
            target = differ(rng, target, name)
    others = [distractor(rng, target) for _ in range(int(rng.integers(2, 5)))]
    scene = place(rng, [target, *others])
    wanted = next((constraints.position for constraints in stated if constraints.position), "")
    return replace(scene, objects=(_put(rng, scene, wanted), *scene.objects[1:])) if wanted else scene


def distractor(rng: np.random.Generator, target: Attributes) -> Attributes:
    """An object of another shape and colour: a base model mistakes near-twins for the object, and ITAG keeps
    such mistakes, since all expressions share them."""
    other = random_attributes(rng)
    while other.shape == target.shape or other.colour == target.colour:
        other = random_attributes(rng)
    return other


def _put(rng: np.random.Generator, scene: Scene, position: str) -> SceneObjectSpec:
    spec = scene.objects[0]
    while not stands_at(spec, position, scene.side):
        x, y = rng.uniform(spec.radius, scene.side - spec.radius, 2)
        spec = moved(spec, float(x), float(y))
    return spec
