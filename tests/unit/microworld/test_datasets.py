"""The three datasets keep their promises: bias, number of targets, seeds apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest

from synres.microworld.datasets import Picture, benchmark, real_training_set, real_validation
from synres.microworld.expressions import Constraints, matches, parse_expression
from synres.microworld.layouts import USUAL_COLOURS, many_attribute_layout, multi_target_layout, real_layout
from synres.microworld.vocabulary import DOMAINS, SUPERCLASSES


def _stated(constraints: Constraints) -> list[str]:
    return [field.name for field in fields(constraints) if getattr(constraints, field.name)]


@pytest.fixture(scope="module")
def real() -> list[Picture]:
    return list(real_training_set(0, 300))


def test_real_expressions_are_biased(real: list[Picture]) -> None:
    """About 62% name the class alone, 18% add a colour, 12% a place; superclass words never occur."""
    stated = [parse_expression(e.expression) for picture in real for e in picture.expressions]
    share = Counter(
        "class"
        if len(_stated(s)) == 1 and s.shape
        else "colour"
        if s.shape and s.colour
        else s.position and "position"
        for s in stated
    )
    assert share["class"] / len(stated) == pytest.approx(0.62, abs=0.05)
    assert share["colour"] / len(stated) == pytest.approx(0.18, abs=0.04)
    assert sum(n for name, n in share.items() if name == "position") / len(stated) == pytest.approx(
        0.12, abs=0.04
    )
    assert not any(s.superclass for s in stated)
    assert len(stated) / len(real) == pytest.approx(2.68, abs=0.2)


def test_real_objects_wear_their_usual_colours() -> None:
    """93% of a class's objects wear one of its two colours, 75% are plain."""
    rng = np.random.default_rng(0)
    specs = [spec for _ in range(300) for spec in real_layout(rng).scene.objects]
    usual = np.mean([spec.colour in USUAL_COLOURS[spec.shape] for spec in specs])
    assert usual == pytest.approx(0.945, abs=0.02)
    assert np.mean([spec.texture == "plain" for spec in specs]) == pytest.approx(0.75, abs=0.03)


def test_real_masks_are_single_objects(real: list[Picture]) -> None:
    """Each real expression's mask is the visible mask of exactly one object of its class."""
    for picture in real[:50]:
        for annotated in picture.expressions:
            hits = [i for i, mask in enumerate(picture.masks) if np.array_equal(mask, annotated.mask)]
            assert len(hits) == 1
            assert annotated.category in (picture.categories[hits[0]], "thing")


def test_multi_target_layouts_name_two_to_four() -> None:
    """The expression of an MT scene names 2 to 4 of its 5 to 8 objects."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        layout = multi_target_layout(rng)
        stated = parse_expression(layout.expressions[0])
        assert 2 <= sum(matches(spec, stated) for spec in layout.scene.objects) <= 4
        assert 5 <= len(layout.scene.objects) <= 8


def test_many_attribute_layouts_have_near_misses() -> None:
    """The expression of an MA scene names one object; two others or more miss it by one stated attribute."""
    rng = np.random.default_rng(2)
    for _ in range(200):
        layout = many_attribute_layout(rng)
        stated = parse_expression(layout.expressions[0])
        assert len(_stated(stated)) >= 3
        assert sum(matches(spec, stated) for spec in layout.scene.objects) == 1
        names = [n for n in ("shape", "colour", "texture", "size") if getattr(stated, n)]
        misses = [sum(getattr(spec, n) != getattr(stated, n) for n in names) for spec in layout.scene.objects]
        assert misses.count(1) >= 2


def test_benchmark_counts() -> None:
    """Each subset has as many scenes in the shifted domains together as in domain; superclass words occur."""
    pictures = list(benchmark(0, "dev", 8))
    assert Counter(p.domain for p in pictures) == {domain: 16 if domain == "day" else 4 for domain in DOMAINS}
    assert Counter(p.expressions[0].subset for p in pictures) == {"MT": 16, "MA": 16}
    words = " ".join(p.expressions[0].expression for p in benchmark(0, "dev", 60, ("day",)))
    assert any(name in words for name in SUPERCLASSES)


def test_namespaces_share_no_scene() -> None:
    """Training, validation, dev and test pictures are all different; the same call gives the same
    pictures."""
    sets = [
        real_training_set(0, 20), real_validation(0, 20), benchmark(0, "dev", 4), benchmark(0, "test", 4),
        real_training_set(1, 20),
    ]  # fmt: skip
    images = [picture.image.tobytes() for pictures in sets for picture in pictures]
    assert len(set(images)) == len(images)
    assert [p.image.tobytes() for p in real_training_set(0, 20)] == images[:20]


def test_one_picture_of_the_shifted_domains_alone() -> None:
    """A benchmark of one shifted domain holds all its scenes there."""
    assert {p.domain for p in benchmark(0, "dev", 3, ("fog",))} == {"fog"}
