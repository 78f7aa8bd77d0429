"""COCO annotation files of any size: ids and places in memory, masks on disk until somebody asks.

Format: https://cocodataset.org/#format-data. An annotation costs about a hundred bytes here; its polygons
are read again from the file when they are drawn.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from synres.data.readers.json_lists import Located, decode_file, locate, map_json
from synres.data.readers.segmentation import StoredSegmentation
from synres.data.rows import Place, Problem
from synres.errors import InvalidInput
from synres.typed_json import decode_json


class CocoImage(NamedTuple):
    file_name: str
    size: tuple[int, int]
    """(height, width)"""
    place: Place


class CocoAnnotation(NamedTuple):
    image_id: int
    category_id: int
    start: int
    length: int
    line: int
    is_crowd: bool


class _Image(msgspec.Struct):
    id: int
    file_name: str
    width: int
    height: int


class _Annotation(msgspec.Struct):
    id: int
    image_id: int
    category_id: int
    segmentation: msgspec.Raw = msgspec.Raw(b"")
    iscrowd: int = 0


class _Category(msgspec.Struct):
    id: int
    name: str


class _File(msgspec.Struct):
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: list[_Category]


@dataclass(slots=True)
class CocoIndex:
    """`problems`: rows that are no images or annotations, and ids that occur twice (the first one stays)."""

    path: Path
    images: dict[int, CocoImage] = field(default_factory=dict)
    annotations: dict[int, CocoAnnotation] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def mask(self, annotation_id: int, size: tuple[int, int]) -> StoredSegmentation:
        """The mask of an annotation of this index, to be drawn at `size` (height, width)."""
        row = self.annotations[annotation_id]
        return StoredSegmentation(self.path, row.start, row.length, size, self.place(annotation_id))

    def place(self, annotation_id: int) -> Place:
        """Where the annotation stands."""
        return Place(self.path.name, f"annotation {annotation_id}", self.annotations[annotation_id].line)

    def by_image(self) -> Iterator[tuple[int, list[int]]]:
        """(image id, its annotation ids), images in the order of the file; those without any too."""
        groups: dict[int, list[int]] = {image_id: [] for image_id in self.images}
        for annotation_id, row in self.annotations.items():
            if row.image_id in groups:
                groups[row.image_id].append(annotation_id)
        yield from groups.items()


def read_coco_index(path: Path) -> CocoIndex:
    """One pass over the file. Raises NotFound, and InvalidInput for what is no COCO file at all."""
    data = map_json(path)
    file = decode_file(data, path, _File)
    index = CocoIndex(path, categories={category.id: category.name for category in file.categories})
    for number, located in enumerate(locate(data, file.images)):
        try:
            _add_image(index, located)
        except (ValueError, InvalidInput) as error:
            place = Place(path.name, f"images[{number}]", located.line)
            index.problems.append(Problem(place, _reason("image", error), str(error)))
    for number, located in enumerate(locate(data, file.annotations)):
        try:
            _add_annotation(index, data, located)
        except (ValueError, InvalidInput) as error:
            place = Place(path.name, f"annotations[{number}]", located.line)
            index.problems.append(Problem(place, _reason("annotation", error), str(error)))
    return index


def _reason(kind: str, error: Exception) -> str:
    return f"{kind}_id_repeated" if isinstance(error, InvalidInput) else f"{kind}_invalid"


def _add_image(index: CocoIndex, located: Located) -> None:
    row: _Image = decode_json(memoryview(located.raw), _Image)
    if row.id in index.images:
        first = index.images[row.id].place
        raise InvalidInput(f"{row.file_name}: the image {first} has the id {row.id} too")
    place = Place(index.path.name, f"image {row.id}", located.line)
    index.images[row.id] = CocoImage(row.file_name, (row.height, row.width), place)


def _add_annotation(index: CocoIndex, data: mmap.mmap, located: Located) -> None:
    row: _Annotation = decode_json(memoryview(located.raw), _Annotation)
    if row.id in index.annotations:
        raise InvalidInput(f"{index.place(row.id)} has the id {row.id} too")
    start = data.find(row.segmentation, located.start, located.start + memoryview(located.raw).nbytes)
    length = memoryview(row.segmentation).nbytes
    index.annotations[row.id] = CocoAnnotation(
        row.image_id, row.category_id, start, length, located.line, bool(row.iscrowd)
    )
