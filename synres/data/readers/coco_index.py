"""COCO annotation files of any size: ids and places in memory, masks on disk until somebody asks.

Format: https://cocodataset.org/#format-data. An annotation costs about a hundred bytes here; its polygons
are read again from the file when they are drawn.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from synres.data.readers.json_lists import Located, decode_file, locate, map_json
from synres.data.readers.segmentation import StoredSegmentation
from synres.data.rows import Place, Problem
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
    segmentation: msgspec.Raw = msgspec.Raw(b"[]")
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
        _add_image(index, located, Place(path.name, f"images[{number}]", located.line))
    for number, located in enumerate(locate(data, file.annotations)):
        _add_annotation(index, data, located, Place(path.name, f"annotations[{number}]", located.line))
    return index


def _add_image(index: CocoIndex, located: Located, place: Place) -> None:
    row = _decoded(index, located, _Image, "image_invalid", place)
    if row is None:
        return
    if row.id in index.images:
        said = f"{row.file_name}: the image {index.images[row.id].place} has the id {row.id} too"
        index.problems.append(Problem(place, "image_id_repeated", said))
        return
    named = Place(place.file, f"image {row.id}", place.line)
    index.images[row.id] = CocoImage(row.file_name, (row.height, row.width), named)


def _add_annotation(index: CocoIndex, data: mmap.mmap, located: Located, place: Place) -> None:
    row = _decoded(index, located, _Annotation, "annotation_invalid", place)
    if row is None:
        return
    if row.id in index.annotations:
        said = f"{index.place(row.id)} has the id {row.id} too"
        index.problems.append(Problem(place, "annotation_id_repeated", said))
        return
    start = data.find(row.segmentation, located.start)
    length = memoryview(row.segmentation).nbytes
    index.annotations[row.id] = CocoAnnotation(
        row.image_id, row.category_id, start, length, located.line, bool(row.iscrowd)
    )


def _decoded(index: CocoIndex, located: Located, kind: Any, reason: str, place: Place) -> Any:
    try:
        return decode_json(memoryview(located.raw), kind)
    except ValueError as error:
        index.problems.append(Problem(place, reason, str(error)))
        return None
