"""Training pictures: triplets gathered by picture and object; decoded when asked for, and cut to size."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from torch.nn import functional

from services.trainer.picture_cache import PictureCache
from services.trainer.trainable import PLAIN, Manner
from synres.domain.masks import area, box, decode_mask
from synres.domain.types import Expression, OpenTriplet, Rle, SummedTriplet, Triplet
from synres.domain.words import plain_words
from synres.ports import Image, Mask

_LARGE = 3 * 256 * 256
_MARGIN = 1.3
"""A tile shows its object and, on every side, a bit of what surrounds it."""
Turns = tuple[tuple[str, str], ...]
_OF_THE_WHOLE = frozenset((
    "left", "right", "top", "bottom", "middle", "center", "centre", "corner", "upper", "lower", "leftmost",
    "rightmost", "topmost", "lowest", "largest", "biggest", "smallest", "tallest", "nearest", "closest",
    "farthest", "first", "second", "third", "last", "only",
))  # fmt: skip
"""A place in the picture, or a rank among all that it shows."""


@dataclass(frozen=True, slots=True)
class TargetObject:
    """One object (or group of objects) of a picture, with every expression that names exactly it; or what
    names nothing in the picture (then the mask is empty), which may be a conversation about it."""

    mask: Rle
    category: str
    expressions: tuple[Expression, ...]
    manner: Manner = PLAIN
    has_target: bool = True
    overlaps: tuple[Rle, ...] = ()

    @property
    def is_talk(self) -> bool:
        return bool(self.manner.turns) and not self.has_target


@dataclass(frozen=True, slots=True)
class TrainingPicture:
    """What is named in a picture, at least one object, and how to come by its (H, W, 3) uint8."""

    read: Callable[[], Image]
    objects: tuple[TargetObject, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), as its masks have it."""
        return self.objects[0].mask.size

    @property
    def targets(self) -> list[TargetObject]:
        """What is really there."""
        return [found for found in self.objects if found.has_target]


@dataclass(frozen=True, slots=True)
class View:
    """A window of a picture, resized: (H, W, 3) uint8 and one (H, W) mask for each object."""

    image: Image
    objects: tuple[TargetObject, ...]
    masks: tuple[Mask, ...]


def load_pictures(
    pictures: PictureCache, triplets: Iterable[OpenTriplet | Triplet], keeps_repeats: bool = False
) -> list[TrainingPicture]:
    """One picture for each image of the triplets, in order of first appearance; none is read yet.

    A conversation is a picture of its own, so that one of many is drawn as often as one that is alone.
    `keeps_repeats`: an expression that stands twice for the same object is there twice.
    """
    by_picture: dict[tuple[str, Turns], dict[tuple[Rle, Manner], list[Triplet]]] = {}
    for triplet in triplets:
        manner = _manner(triplet)
        talk = manner.turns if manner.turns and not area(triplet.mask) else ()
        objects = by_picture.setdefault((triplet.image.digest, talk), {})
        objects.setdefault((triplet.mask, manner), []).append(triplet)
    return [
        TrainingPicture(
            partial(pictures.get, digest),
            tuple(_target_object(of_one, keeps_repeats) for of_one in objects.values()),
        )
        for (digest, _), objects in by_picture.items()
    ]


def whole_view(picture: TrainingPicture, size: tuple[int, int]) -> View:
    """The whole picture at `size` (height, width); at its own, nothing is resampled."""
    height, width = picture.size
    return _view(picture, picture.objects, (0, 0, width, height), size)


def object_view(picture: TrainingPicture, chosen: TargetObject, size: tuple[int, int]) -> View:
    """A window around `chosen` at `size` (height, width), with that object alone among its targets.

    The window keeps the picture's scale where the object fits into `size`, and is no larger than the picture.
    Expressions that name a place or a rank are left out: in another picture both are others.
    """
    expressions = tuple(e for e in chosen.expressions if not _OF_THE_WHOLE & set(plain_words(e)))
    moved = replace(chosen, expressions=expressions)
    return _view(picture, (moved,), _window(box(chosen.mask), picture.size, size), size)


def beside(picture: TrainingPicture, chosen: TargetObject, size: tuple[int, int]) -> list[TargetObject]:
    """What else of the picture stands in that window, as far as boxes tell."""
    window = _window(box(chosen.mask), picture.size, size)
    return [found for found in picture.targets if found != chosen and _overlap(box(found.mask), window)]


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return all(
        one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2]
        for axis in (0, 1)
    )


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
    image = _resized(picture.read()[place], size)
    masks = (decode_mask(found.mask)[place] for found in objects)
    return View(image, objects, tuple(_resized_mask(mask, size) for mask in masks))


def _resized(image: Image, size: tuple[int, int]) -> Image:
    """Antialiased. torch is faster, and off by one here and there: small pictures stay as they were."""
    if image.shape[:2] == size:
        return image
    if image.size < _LARGE:
        whole = PillowImage.fromarray(np.ascontiguousarray(image))
        return np.asarray(whole.resize(size[::-1], PillowImage.Resampling.BILINEAR))
    # a copy, since torch warns of arrays that it must not write to
    bands = torch.from_numpy(image.copy())[None].permute(0, 3, 1, 2)
    made = functional.interpolate(bands, size, mode="bilinear", antialias=True)
    return made[0].permute(1, 2, 0).numpy()


def _resized_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """By nearest neighbour. Run lengths come column by column, so whole columns are taken first."""
    if mask.shape == size:
        return mask
    rows, columns = (_nearest(*lengths) for lengths in zip(mask.shape, size, strict=True))
    # sums over a batch depend on the order in memory
    return np.ascontiguousarray(mask.T[columns][:, rows].T)


def _nearest(length: int, wanted: int) -> NDArray[np.int64]:
    """Which of `length` pixels stands for each of the `wanted` ones, as in Pillow's NEAREST."""
    step = length / wanted
    # added up as Pillow does: products would round to other pixels
    places = np.cumsum(np.concatenate(([step / 2], np.full(wanted - 1, step))))
    return np.minimum(places.astype(np.int64), length - 1)


def summed_mask(found: TargetObject, mask: Mask) -> NDArray[np.uint8]:
    """A mask of the object as its original counts it: 2 and more where parts lie over each other."""
    summed = mask.astype(np.uint8)
    for overlap in found.overlaps:
        summed += _resized_mask(decode_mask(overlap), (mask.shape[0], mask.shape[1]))
    return summed


def _target_object(triplets: list[Triplet], keeps_repeats: bool) -> TargetObject:
    said = [triplet.expression for triplet in triplets]
    expressions = tuple(said if keeps_repeats else dict.fromkeys(said))
    first = triplets[0]
    overlaps = first.overlaps if isinstance(first, SummedTriplet) else ()
    return TargetObject(
        first.mask, first.category, expressions, _manner(first), area(first.mask) > 0, overlaps
    )


def _manner(triplet: Triplet) -> Manner:
    """ReasonSeg's rows say by their subset whether they are sentences."""
    turns = triplet.turns if isinstance(triplet, OpenTriplet) else ()
    return Manner(is_sentence=triplet.subset == "long", turns=turns)
