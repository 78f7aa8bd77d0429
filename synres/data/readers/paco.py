"""PACO-LVIS and PASCAL-Part: objects and their parts as COCO annotations, categories "object:part".

https://github.com/facebookresearch/paco (`paco/annotations/paco_lvis_v1_train.json`, pictures `coco/`)
and https://github.com/facebookresearch/VLPart (`pascal_part/train.json`, pictures of VOC 2010).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from synres.data.readers.coco_index import read_coco_index
from synres.data.readers.instances import region_rows
from synres.data.readers.places import find_folder
from synres.data.rows import Problem, SemanticRow

PICTURES = ("coco", "coco_2017")
VOC = "VOCdevkit/VOC2010/JPEGImages"


def read_paco(
    folder: Path, split: str = "train", images: Path | None = None
) -> Iterator[SemanticRow | Problem]:
    """Rows of `paco/`: one for each picture, a region for each object and part. Raises NotFound."""
    path = folder / "annotations" / f"paco_lvis_v1_{split or 'train'}.json"
    pictures = images or find_folder(folder, PICTURES)
    yield from region_rows(read_coco_index(path), pictures, split or "train", part_names)


def read_pascal_part(
    folder: Path, split: str = "train", images: Path | None = None
) -> Iterator[SemanticRow | Problem]:
    """Rows of `pascal_part/`, as `read_paco`. Raises NotFound."""
    index = read_coco_index(folder / f"{split or 'train'}.json")
    yield from region_rows(index, images or folder / VOC, split or "train", part_names)


def part_names(category: str) -> tuple[str, str]:
    """The object and its part, without LVIS's explanations in brackets.

    >>> part_names("mouse_(computer_equipment):left_button")
    ('mouse', 'left button')
    """
    whole, _, part = category.strip().partition(":")
    plain = [name.split("_(")[0].replace("_", " ").strip() for name in (whole, part)]
    return plain[0], plain[1]
