"""Draws scenes, with the exact visible mask of every object.

`render(scene) -> (image uint8 (side, side, 3), masks bool (n, side, side))`: masks are in the scene's
order and never overlap. `single_object_picture(rng, side=48, neighbours=False) -> (image uint8 (48, 48,
3), SceneObjectSpec)` is the micro world's analogue of web pretraining: one object in the middle, text of
it, no mask. Drawing is a pure function of the scene.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synres.microworld.domains import paint_background, shift
from synres.microworld.scene import Scene, SceneObjectSpec, moved, place, random_attributes
from synres.microworld.shapes import OUTLINES, PATTERNS, Field
from synres.microworld.vocabulary import COLOURS, DAY

_DARK_TONE = np.float32(0.42)


def render(scene: Scene) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Image (side, side, 3) uint8 RGB and visible masks (n, side, side) bool; a hidden object's mask is
    empty."""
    rng = np.random.default_rng(scene.background)
    canvas = paint_background(rng, scene.domain, scene.side)
    owner = np.full((scene.side, scene.side), -1, np.int16)
    light = rng.uniform(-0.12, 0.12, 2).astype(np.float32)
    for index, spec in enumerate(scene.objects):
        _draw(canvas, owner, index, spec, light)
    canvas = shift(rng, canvas, owner >= 0, scene.domain)
    canvas += rng.standard_normal(canvas.shape, dtype=np.float32) * np.float32(5)
    masks = owner[None] == np.arange(len(scene.objects), dtype=np.int16)[:, None, None]
    return np.clip(canvas, 0, 255).astype(np.uint8), masks


def union_of(masks: NDArray[np.bool_], objects: Sequence[int]) -> NDArray[np.bool_]:
    """(H, W): the pixels of the named objects among (n, H, W)."""
    found: NDArray[np.bool_] = np.logical_or.reduce(masks[list(objects)], axis=0)
    return found


def _draw(canvas: Field, owner: NDArray[np.int16], index: int, spec: SceneObjectSpec, light: Field) -> None:
    side, reach = len(canvas), spec.radius + 1
    left, right = max(0, int(spec.x - reach)), min(side, int(spec.x + reach) + 2)
    top, bottom = max(0, int(spec.y - reach)), min(side, int(spec.y + reach) + 2)
    if left >= right or top >= bottom:
        return
    dx = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(spec.x)
    dy = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(spec.y)
    cos, sin = np.float32(np.cos(spec.angle)), np.float32(np.sin(spec.angle))
    x, y = dx * cos + dy * sin, dy * cos - dx * sin
    radius = np.float32(spec.radius)
    cover = np.clip(np.float32(0.5) - OUTLINES[spec.shape](x / radius, y / radius) * radius, 0, 1)
    shade = 1 + (dx * light[0] + dy * light[1]) / radius
    window = (slice(top, bottom), slice(left, right))
    tone = _tone(spec, x, y) * shade[..., None]
    canvas[window] += (tone - canvas[window]) * cover[..., None]
    owner[window][cover >= 0.5] = index


def _tone(spec: SceneObjectSpec, x: Field, y: Field) -> Field:
    share = PATTERNS[spec.texture](x, y, max(3.6, 0.46 * spec.radius))
    darkening = 1 - share * (1 - _DARK_TONE)
    return darkening[..., None] * np.array(COLOURS[spec.colour], np.float32)


def single_object_picture(
    rng: np.random.Generator, side: int = 48, neighbours: bool = False
) -> tuple[NDArray[np.uint8], SceneObjectSpec]:
    """One object near the middle, at the scale of a 96-pixel scene; with `neighbours`, parts of 1 to 4
    others at the border, as in a crop of a scene. Image (side, side, 3) uint8."""
    middle = side / 2
    spec = place(rng, [random_attributes(rng)], side=side).objects[0]
    spec = moved(spec, middle + float(rng.uniform(-3, 3)), middle + float(rng.uniform(-3, 3)))
    others = _ring_of_others(rng, spec, side) if neighbours else ()
    image, _ = render(Scene((*others, spec), int(rng.integers(2**31)), DAY, side))
    return image, spec


def _ring_of_others(
    rng: np.random.Generator, spec: SceneObjectSpec, side: int
) -> tuple[SceneObjectSpec, ...]:
    others = place(rng, [random_attributes(rng) for _ in range(int(rng.integers(1, 5)))], side=side).objects
    found = []
    for other in others:
        angle = float(rng.uniform(0, 2 * np.pi))
        distance = spec.radius + other.radius + float(rng.uniform(0, 12))
        found.append(moved(other, spec.x + distance * np.cos(angle), spec.y + distance * np.sin(angle)))
    return tuple(found)


def crop_around(image: NDArray[np.uint8], mask: NDArray[np.bool_], side: int = 48) -> NDArray[np.uint8]:
    """The window of `side` x `side` pixels, unscaled, centred on the mask's box; beyond the border the
    picture's edge is repeated. What a captioner sees of an object; `mask` must not be empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top = (int(rows[0]) + int(rows[-1]) + 1) // 2 - side // 2
    left = (int(columns[0]) + int(columns[-1]) + 1) // 2 - side // 2
    height, width = mask.shape
    ys = np.clip(np.arange(top, top + side), 0, height - 1)
    xs = np.clip(np.arange(left, left + side), 0, width - 1)
    return np.ascontiguousarray(image[ys[:, None], xs[None, :]])
