"""Training pictures in memory: triplets gathered by picture and object, and cut to size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from synres.data.images import decode_image
from synres.domain.masks import box, decode_mask
from synres.domain.types import Expression, Rle, Triplet
from synres.ledger.ledger import Ledger
from synres.ports import Image, Mask

_MARGIN = 1.3
"""A tile shows its object and, on every side, a bit of what surrounds it."""
_PLACES = frozenset(("left", "right", "top", "bottom", "middle", "center", "centre", "corner"))


@dataclass(frozen=True, slots=True)
class TargetObject:
    """One object (or group of objects) of a picture, with every expression that names exactly it."""

    mask: Rle
    category: str
    expressions: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class TrainingPicture:
    """(H, W, 3) uint8 and what is named in it; at least one object."""

    image: Image
    objects: tuple[TargetObject, ...]


@dataclass(frozen=True, slots=True)
class View:
    """A window of a picture, resized: (H, W, 3) uint8 and one (H, W) mask for each object."""

    image: Image
    objects: tuple[TargetObject, ...]
    masks: tuple[Mask, ...]


def load_pictures(ledger: Ledger, triplets: Iterable[Triplet]) -> list[TrainingPicture]:
    """One picture for each image of the triplets, in order of first appearance; decoded once, kept in memory.

    Raises RejectedItem as `decode_image` does.
    """
    by_picture: dict[str, dict[Rle, list[Triplet]]] = {}
    for triplet in triplets:
        by_picture.setdefault(triplet.image.digest, {}).setdefault(triplet.mask, []).append(triplet)
    return [
        TrainingPicture(decode_image(ledger.get_blob(digest)), tuple(map(_target_object, objects.values())))
        for digest, objects in by_picture.items()
    ]


def whole_view(picture: TrainingPicture, side: int) -> View:
    """The whole picture at `side` x `side`."""
    height, width = picture.image.shape[:2]
    return _view(picture, picture.objects, (0, 0, width, height), (side, side))


def object_view(picture: TrainingPicture, chosen: TargetObject, size: tuple[int, int]) -> View:
    """A window around `chosen` at `size` (height, width), with that object alone among its targets.

    The window keeps the picture's scale where the object fits into `size`, and is no larger than the picture.
    Expressions that name a place are left out: in another picture the place is another.
    """
    expressions = tuple(e for e in chosen.expressions if not _PLACES & set(e.lower().split()))
    moved = TargetObject(chosen.mask, chosen.category, expressions)
    return _view(picture, (moved,), _window(box(chosen.mask), picture.image.shape[:2], size), size)


def _window(
    around: tuple[int, int, int, int], picture: tuple[int, ...], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """(left, top, width, height) in the proportions of `size`, as far as the picture reaches."""
    left, top, width, height = around
    zoom = max(1.0, _MARGIN * height / size[0], _MARGIN * width / size[1])
    window_height, window_width = (
        min(picture[0], round(zoom * size[0])),
        min(picture[1], round(zoom * size[1])),
    )
    y = min(max(0, top + height // 2 - window_height // 2), picture[0] - window_height)
    x = min(max(0, left + width // 2 - window_width // 2), picture[1] - window_width)
    return x, y, window_width, window_height


def _view(
    picture: TrainingPicture, objects: tuple[TargetObject, ...], window: tuple[int, int, int, int],
    size: tuple[int, int],
) -> View:  # fmt: skip
    x, y, width, height = window
    place = np.s_[y : y + height, x : x + width]
    image = _resize(picture.image[place], size, PillowImage.Resampling.BILINEAR)
    masks = (decode_mask(found.mask)[place] for found in objects)
    return View(image, objects, tuple(_resize(mask, size, PillowImage.Resampling.NEAREST) for mask in masks))


def _resize(array: NDArray[Any], size: tuple[int, int], how: PillowImage.Resampling) -> NDArray[Any]:
    if array.shape[:2] == size:
        return array
    return np.asarray(PillowImage.fromarray(np.ascontiguousarray(array)).resize(size[::-1], how))


def _target_object(triplets: list[Triplet]) -> TargetObject:
    expressions = tuple(dict.fromkeys(triplet.expression for triplet in triplets))
    return TargetObject(triplets[0].mask, triplets[0].category, expressions)
