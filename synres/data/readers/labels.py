"""Label maps (pictures whose pixel values are classes) and mask pictures (any value but 0 is the target)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from synres.data.images import DAMAGE, MAX_PIXELS
from synres.data.paths import refuse_link_out
from synres.data.rows import Place, Problem, Region, SemanticRow
from synres.domain.masks import encode_mask
from synres.domain.types import Rle
from synres.errors import RejectedItem

NOTHING = 255
_MODES = frozenset({"L", "P", "1", "I;16", "I"})


def read_label_map(path: Path) -> NDArray[Any]:
    """(H, W) integers or bool; palettes are left aside.

    Raises RejectedItem("mask_missing", "mask_unreadable", "unsafe_path").
    """
    refuse_link_out(path)
    try:
        with PillowImage.open(path, formats=("PNG",)) as picture:
            if picture.mode not in _MODES:
                raise RejectedItem(
                    "mask_unreadable", f"{path.name} has mode {picture.mode}; give one channel"
                )
            if picture.width * picture.height > MAX_PIXELS:
                raise RejectedItem("mask_unreadable", f"{path.name} has over {MAX_PIXELS} pixels")
            return np.asarray(picture)
    except FileNotFoundError as error:
        raise RejectedItem("mask_missing", f"{path.name} is not there") from error
    except PillowImage.DecompressionBombError as error:
        raise RejectedItem("mask_unreadable", f"{path.name} has over {MAX_PIXELS} pixels") from error
    except DAMAGE as error:
        raise RejectedItem("mask_unreadable", f"{path.name} is no whole PNG: {error}") from error


@dataclass(frozen=True, slots=True)
class MaskPicture:
    """A mask that is a picture of its own."""

    path: Path
    place: Place

    def rle(self) -> Rle:
        """True where a pixel is not 0. Raises as `read_label_map` does."""
        return encode_mask(read_label_map(self.path) != 0)


@dataclass(frozen=True, slots=True)
class DrawnMask:
    """A mask that was drawn already."""

    mask: Rle
    place: Place

    def rle(self) -> Rle:
        """As it is."""
        return self.mask


@dataclass(frozen=True, slots=True)
class LabelMap:
    """`classes`: pixel value -> its class; values that it lacks, or that have the name "", are nothing.

    Values that share a name are one class; with `first_alone` each of them stands for the first value's
    pixels, which may be none, as in LISA.
    """

    path: Path
    place: Place
    classes: tuple[str, ...]
    first_alone: bool = False

    def read(self) -> list[Region]:
        """A region for each class that occurs, by its lowest value. Raises as `read_label_map` does."""
        labels = read_label_map(self.path)
        found = [v for v in np.unique(labels).tolist() if v < len(self.classes) and self.classes[v]]
        if self.first_alone:
            meant = [(self.classes[value], [self.classes.index(self.classes[value])]) for value in found]
        else:
            values: dict[str, list[int]] = {}
            for value in found:
                values.setdefault(self.classes[value], []).append(value)
            meant = list(values.items())
        return [
            Region(name, "", DrawnMask(encode_mask(np.isin(labels, own)), self.place), self.place)
            for name, own in meant
        ]

    def strangers(self) -> list[int]:
        """Values that have no class, but for 255, which stands for nothing. Raises as `read` does."""
        values = np.unique(read_label_map(self.path)).tolist()
        return [value for value in values if value >= len(self.classes) and value != NOTHING]


def label_rows(
    folder: Path, labels: Path, images: Path, classes: Sequence[str], split: str, first_alone: bool = False
) -> Iterator[SemanticRow | Problem]:
    """A row for each label map, sorted by name; a problem (`mask_missing`) for each picture without one."""
    maps = {path.stem: path for path in labels.glob("*.png")}
    pictures = {path.stem: path for path in images.glob("*.jpg")}
    for stem in sorted(maps.keys() | pictures.keys()):
        picture = pictures.get(stem, images / f"{stem}.jpg")
        place = Place((labels / f"{stem}.png").relative_to(folder).as_posix())
        if stem in maps:
            regions = LabelMap(maps[stem], place, tuple(classes), first_alone)
            yield SemanticRow(place, picture, None, regions, is_instances=False, split=split)
        else:
            yield Problem(place, "mask_missing", f"{picture.name} has no label map")
