"""The laptop benchmark: a biased "real" training set, a validation set like it, and a WildRES-like benchmark.

All three yield `Picture`s, drawn at once from seeds of their own namespace, so that training, "dev" and
"test" never share a scene. Real pictures are easy and narrow on purpose: one target each, mostly named by
class alone, each class in its two usual colours, and no superclass word. The benchmark asks for the rest:
"MT" names 2 to 4 objects by what they share, "MA" names one object by many attributes among others that
differ in a single one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synres.domain import seeds
from synres.domain.types import Expression
from synres.microworld.expressions import matching_objects, parse_expression
from synres.microworld.layouts import Layout, many_attribute_layout, multi_target_layout, real_layout
from synres.microworld.render import render, union_of
from synres.microworld.vocabulary import DAY, DOMAINS

SUBSETS = ("MT", "MA")


@dataclass(frozen=True, slots=True)
class AnnotatedExpression:
    """An expression with its exact mask (H, W) bool. `category` is its noun; `subset` is "MT", "MA" or
    "real"."""

    expression: Expression
    mask: NDArray[np.bool_]
    category: str
    subset: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn scene: image (96, 96, 3) uint8, visible masks (n, 96, 96) bool and categories of its n
    objects."""

    name: str
    image: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    categories: tuple[str, ...]
    domain: str
    expressions: tuple[AnnotatedExpression, ...]


def real_training_set(seed: int, images: int = 1000) -> Iterator[Picture]:
    """`images` pictures of the biased kind, about 2.7 expressions each."""
    return _real(seed, "real-train", images)


def real_validation(seed: int, images: int = 300) -> Iterator[Picture]:
    """As the training set, other scenes."""
    return _real(seed, "real-validation", images)


def benchmark(
    seed: int, namespace: str, scenes: int = 400, domains: Sequence[str] = DOMAINS
) -> Iterator[Picture]:
    """For "MT" and for "MA": `scenes` pictures of the domain "day" and `scenes` of the shifted domains
    together, one expression each. `namespace` is "dev" (to tune on) or "test" (to score once for each
    table)."""
    shifted = [domain for domain in domains if domain != DAY]
    for domain in domains:
        count = scenes if domain == DAY else -(-scenes // len(shifted))
        for subset, layout in zip(SUBSETS, (multi_target_layout, many_attribute_layout), strict=True):
            for index in range(count):
                name = f"{namespace}-{domain}-{subset}-{index}"
                yield _draw(name, subset, layout(_rng(seed, name), domain))


def _real(seed: int, namespace: str, images: int) -> Iterator[Picture]:
    for index in range(images):
        name = f"{namespace}-{index}"
        yield _draw(name, "real", real_layout(_rng(seed, name)))


def _rng(seed: int, name: str) -> np.random.Generator:
    return seeds.rng(seed, "microworld", name)


def _draw(name: str, subset: str, layout: Layout) -> Picture:
    image, masks = render(layout.scene)
    categories = tuple(spec.shape for spec in layout.scene.objects)
    found = tuple(_annotate(layout, masks, text, subset) for text in layout.expressions)
    return Picture(name, image, masks, categories, layout.scene.domain, found)


def _annotate(layout: Layout, masks: NDArray[np.bool_], text: Expression, subset: str) -> AnnotatedExpression:
    constraints = parse_expression(text)
    mask = union_of(masks, matching_objects(layout.scene, constraints))
    return AnnotatedExpression(text, mask, constraints.noun, subset)
