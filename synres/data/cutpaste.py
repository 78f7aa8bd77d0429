"""New scenes from the cut-outs of one photograph, with exact masks: what one sees of an object is its mask.

After Ghiasi et al., Simple Copy-Paste, CVPR 2021; but a scene here is planned to fit a wish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synres.data.cutouts import Studio
from synres.data.facts import Facts
from synres.data.layout import Placed, Wish, place_objects
from synres.data.paste import Canvas, Sprite, transformed
from synres.ports import Image, SceneMask

_CROP_SHARE = 0.7
"""The shortest side of a crop, as a share of the picture's."""
_MIN_VISIBLE = 0.002
"""Objects that show a smaller share of the picture are not objects of the scene."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the camera takes of the ground: rows and columns in pixels; then it may mirror."""

    top: int
    left: int
    height: int
    width: int
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A scene before it is painted. `gains` scale the light of red, green and blue."""

    placed: tuple[Placed, ...]
    frame: Frame
    gains: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and what one sees in it; `target` is the number of the wished object, None when hidden."""

    image: Image
    objects: tuple[SceneMask, ...]
    target: int | None


def plan_scene(studio: Studio, wish: Wish, rng: np.random.Generator) -> Plan:
    """Objects, camera and light; the wished target is the first object placed."""
    placed = tuple(place_objects(studio, wish, rng))
    light = wish.boldness * np.clip(rng.standard_normal(4) * (0.08, 0.02, 0.02, 0.02), -0.2, 0.2)
    red, green, blue = (float(gain) for gain in np.exp(light[0] + light[1:]))
    return Plan(placed, _frame(studio, wish.boldness, rng), (red, green, blue))


def foresee(studio: Studio, plan: Plan) -> list[Facts]:
    """Facts of the planned objects as if none hid another: a look ahead that costs no painting."""
    return [_foreseen(studio, one, plan.frame) for one in plan.placed]


def paint(studio: Studio, plan: Plan, has_target: bool) -> Scene:
    """The planned scene, of the frame's size."""
    canvas = _framed(_painted(studio, plan.placed), plan.frame)
    shown = [(n, mask) for n in range(len(plan.placed)) if (mask := canvas.mask_of(n)).mean() >= _MIN_VISIBLE]
    objects = tuple(SceneMask(studio.cutouts[plan.placed[n].index].category, mask) for n, mask in shown)
    target = 0 if has_target and shown and shown[0][0] == 0 else None
    return Scene(_toned(canvas.image(), plan.gains), objects, target)


def _frame(studio: Studio, boldness: float, rng: np.random.Generator) -> Frame:
    height, width = studio.ground.shape[:2]
    share = 1 - boldness * rng.uniform(0, 1 - _CROP_SHARE)
    rows, columns = max(1, round(share * height)), max(1, round(share * width))
    top, left = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
    return Frame(top, left, rows, columns, bool(rng.random() < 0.5 * boldness))


def _foreseen(studio: Studio, placed: Placed, frame: Frame) -> Facts:
    cutout = studio.cutouts[placed.index]
    y, x = cutout.centre if placed.stays else placed.centre
    off_y, off_x = cutout.mass
    y += placed.scale * off_y
    x += placed.scale * (-off_x if placed.mirrored else off_x)
    down, right = (y - frame.top) / frame.height, (x - frame.left) / frame.width
    seen = 0 < down < 1 and 0 < right < 1
    area = cutout.area * placed.scale**2 / (frame.height * frame.width) if seen else 0.0
    right = 1 - right if frame.mirrored else right
    return Facts(cutout.category, area, right, down, studio.shares(placed.index, placed.colour))


def _painted(studio: Studio, placed: Sequence[Placed]) -> Canvas:
    ground = studio.dyed_ground({one.index: one.colour for one in placed if one.stays})
    canvas = Canvas.on(ground)
    pasted_before = False
    for number in sorted(range(len(placed)), key=lambda n: _depth(studio, placed[n])):
        one = placed[number]
        if not one.stays:
            canvas.paint(_sprite(studio, one), number, shadow=studio.cleared)
            pasted_before = True
        elif pasted_before:
            canvas.paint(_in_place(studio, ground, one), number)
        else:
            canvas.claim(studio.masks[one.index], number)
    return canvas


def _depth(studio: Studio, placed: Placed) -> float:
    """What ends further down stands nearer; what lies on another object is nearer than that."""
    cutout = studio.cutouts[placed.index]
    bottom = placed.centre[0] + placed.scale * len(cutout.alpha) / 2
    under = () if studio.cleared else cutout.on_top_of
    return max([bottom, *(studio.cutouts[i].bottom + 0.5 for i in under)])


def _sprite(studio: Studio, placed: Placed) -> Sprite:
    rgb, alpha = studio.dyed(placed.index, placed.colour), studio.cutouts[placed.index].alpha
    rgb, alpha = transformed(rgb, alpha, placed.scale, placed.mirrored, placed.angle_deg)
    y, x = placed.centre
    return Sprite(rgb, alpha, (round(y - alpha.shape[0] / 2), round(x - alpha.shape[1] / 2)))


def _in_place(studio: Studio, ground: Image, placed: Placed) -> Sprite:
    """An object that stays, as the ground shows it: painted again over what was pasted behind it."""
    cutout = studio.cutouts[placed.index]
    (top, left), (height, width) = cutout.corner, cutout.alpha.shape
    return Sprite(ground[top : top + height, left : left + width], cutout.alpha, cutout.corner)


def _framed(canvas: Canvas, frame: Frame) -> Canvas:
    window = slice(frame.top, frame.top + frame.height), slice(frame.left, frame.left + frame.width)
    pixels, owner = canvas.pixels[window], canvas.owner[window]
    return Canvas(pixels[:, ::-1], owner[:, ::-1]) if frame.mirrored else Canvas(pixels, owner)


def _toned(image: Image, gains: tuple[float, float, float]) -> Image:
    table = np.clip(np.outer(np.arange(256), gains), 0, 255).astype(np.uint8)
    return np.stack([table[image[..., band], band] for band in range(3)], axis=-1)
