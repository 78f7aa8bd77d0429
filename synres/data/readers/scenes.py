"""ADE20K, COCO-Stuff and Mapillary Vistas 2: a label map beside each picture.

https://groups.csail.mit.edu/vision/datasets/ADE20K, https://github.com/nightrome/cocostuff,
https://www.mapillary.com/dataset/vistas. Names of classes come with the data; none are kept here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from synres.data.readers.json_lists import decode_file, map_json
from synres.data.readers.labels import label_rows
from synres.data.readers.places import find_file, find_folder
from synres.data.rows import Problem, SemanticRow
from synres.errors import InvalidInput, NotFound

PICTURES = ("coco", "coco_2017", "images")
Rows = Iterator[SemanticRow | Problem]


class _Label(msgspec.Struct):
    readable: str


class _Config(msgspec.Struct):
    labels: list[_Label]


def read_ade20k(folder: Path, split: str = "training", images: Path | None = None) -> Rows:
    """`images/<split>/*.jpg`, `annotations/<split>/*.png` ("training", "validation"): value k is class k - 1,
    0 is nothing. Names: `objectInfo150.txt`, as the data brings it, or `ade20k_classes.json`."""
    split = split or "training"
    mend = "objectInfo150.txt comes with ADEChallengeData2016"
    files = ("ade20k_classes.json", "utils/ade20k_classes.json", "objectInfo150.txt")
    names = _ade_names(find_file(folder, files, mend))
    labels = _folder(folder / "annotations" / split)
    yield from label_rows(folder, labels, images or folder / "images" / split, ["", *names], split)


def read_cocostuff(folder: Path, split: str = "train2017", images: Path | None = None) -> Rows:
    """`<split>/*.png` (stuffthingmaps), pictures `coco/<split>/*.jpg`: value k is line k + 1 of the names,
    255 is nothing. Names with "-" ("wall-other") are nothing, as in LISA. Names: `labels.txt` or
    `cocostuff_classes.txt`."""
    split = split or "train2017"
    mend = "labels.txt comes with COCO-Stuff"
    path = find_file(folder, ("cocostuff_classes.txt", "utils/cocostuff_classes.txt", "labels.txt"), mend)
    names = [line.split(": ")[-1].strip() for line in path.read_text().splitlines()[1:]]
    kept = ["" if "-" in name else name for name in names]
    pictures = (images or find_folder(folder, PICTURES)) / split
    yield from label_rows(folder, _folder(folder / split), pictures, kept, split)


def read_mapillary(
    folder: Path, split: str = "training", images: Path | None = None, first_alone: bool = False
) -> Rows:
    """`<split>/v2.0/labels/*.png`, `<split>/images/*.jpg`, names in `config_v2.0.json` (lower case here).

    `first_alone`: of labels that share a name, each means the first one's pixels, as in LISA.
    """
    split = split or "training"
    path = folder / "config_v2.0.json"
    config: _Config = decode_file(map_json(path), path, _Config)
    names = [label.readable.lower() for label in config.labels]
    labels = _folder(folder / split / "v2.0" / "labels")
    pictures = images or folder / split / "images"
    yield from label_rows(folder, labels, pictures, names, split, first_alone)


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise NotFound(f"{path} does not exist")
    return path


def _ade_names(path: Path) -> list[str]:
    if path.suffix == ".json":
        names: list[str] = decode_file(map_json(path), path, list[str])
        return names
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:] if line.strip()]
    if not all(len(row) >= 2 for row in rows):
        raise InvalidInput(f"{path} is no table of names with tabs between its columns")
    # "building, edifice": the first name is the usual one
    return [row[-1].split(",")[0].strip() for row in rows]
