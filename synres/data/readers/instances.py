"""Plain COCO instances: each picture with its annotated objects, drawn when asked.

https://cocodataset.org/#format-data
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from synres.data.paths import path_inside
from synres.data.readers.coco_index import CocoIndex, read_coco_index
from synres.data.rows import Problem, Region, SemanticRow
from synres.errors import UnsafePath

Named = Callable[[str], tuple[str, str]]
"""A category's name -> what it is called, and which part of it ("" for a whole)."""


@dataclass(frozen=True, slots=True)
class KnownRegions:
    """Regions whose masks lie in a file and whose names are known."""

    regions: tuple[Region, ...]

    def read(self) -> list[Region]:
        """In the order of the annotations."""
        return list(self.regions)


def read_instances(annotations: Path, images: Path, split: str = "") -> Iterator[SemanticRow | Problem]:
    """Pictures in the order of the file; `split` is a label only. Raises NotFound and InvalidInput.

    Problems: `image_invalid`, `annotation_invalid`, `image_id_repeated`, `annotation_id_repeated`,
    `unknown_image`, `unknown_category`, `crowd`, `unsafe_path`.
    """
    yield from region_rows(read_coco_index(annotations), images, split, lambda name: (name, ""))


def region_rows(index: CocoIndex, images: Path, split: str, named: Named) -> Iterator[SemanticRow | Problem]:
    """Each picture of the index with its annotations as regions, named by `named`."""
    yield from index.problems
    for annotation_id, annotation in index.annotations.items():
        if annotation.image_id not in index.images:
            said = f"image_id {annotation.image_id} is not among the images"
            yield Problem(index.place(annotation_id), "unknown_image", said)
    for image_id, annotation_ids in index.by_image():
        image = index.images[image_id]
        try:
            path = path_inside(images, image.file_name)
        except UnsafePath as error:
            yield Problem(image.place, "unsafe_path", error.message)
            continue
        found = [_region(index, i, image.size, named) for i in annotation_ids]
        yield from (region for region in found if isinstance(region, Problem))
        regions = KnownRegions(tuple(region for region in found if isinstance(region, Region)))
        yield SemanticRow(image.place, path, image.size, regions, is_instances=True, split=split)


def _region(index: CocoIndex, number: int, size: tuple[int, int], named: Named) -> Region | Problem:
    row, place = index.annotations[number], index.place(number)
    if row.is_crowd:
        return Problem(place, "crowd", "a crowd is no single object")
    if row.category_id not in index.categories:
        return Problem(
            place, "unknown_category", f"category_id {row.category_id} is not among the categories"
        )
    return Region(*named(index.categories[row.category_id]), index.mask(number, size), place)
