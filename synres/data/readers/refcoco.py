"""RefCOCO, RefCOCO+, RefCOCOg and RefCLEF as the REFER toolbox lays them out.

`refcoco/refs(unc).p` (or `.json`), `refcoco/instances.json`; pictures under `images/` beside or above the
folder. https://github.com/lichengunc/refer
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from synres.data.readers.places import find_folder
from synres.data.readers.refs import RefFile
from synres.data.rows import Problem, ReferringRow
from synres.errors import InvalidInput, NotFound

NAMES = ("refcoco", "refcoco+", "refcocog", "refclef")
EXPORTED = "annotations.json"
SPLIT_BY = ("unc", "umd", "google", "berkeley")
"""Whose division into splits; the first that is there is taken."""
COCO_FOLDERS = ("images/mscoco/images/train2014", "images/train2014", "train2014", "coco/train2014")
CLEF_FOLDERS = ("images/saiapr_tc-12", "saiapr_tc-12")


def read_refcoco(
    folder: Path, split: str = "", split_by: str = "", images: Path | None = None
) -> Iterator[ReferringRow | Problem]:
    """Rows of one folder (`refcoco/`), one for each ref: one object, one to many expressions.

    `split`: "" for all, or "train", "val", "testA", "testB", "test". `images`: the folder that file names are
    relative to, found beside `folder` or up to two folders above where it is not given.
    Expressions are the refs' `sent` (lower case, cleaned by the originals). An empty segmentation is an empty
    mask; parts that overlap count once. Raises NotFound and InvalidInput; problems as `RefFile.rows`.
    """
    instances = folder / (EXPORTED if is_exported(folder) else "instances.json")
    yield from RefFile(refs_path(folder, split_by), instances, images or refcoco_images(folder)).rows(split)


def is_exported(folder: Path) -> bool:
    """What `synres export` wrote, and not the toolbox."""
    return (folder / EXPORTED).is_file() and not (folder / "instances.json").is_file()


def refcoco_images(folder: Path) -> Path:
    """The folder that file names are relative to: an export's own one. Raises NotFound."""
    if is_exported(folder):
        return folder
    return find_folder(folder, CLEF_FOLDERS if folder.name == "refclef" else COCO_FOLDERS)


def refs_path(folder: Path, split_by: str = "", stem: str = "refs") -> Path:
    """`refs(<split_by>).p` or `.json`; JSON comes first. Raises NotFound and InvalidInput."""
    if split_by and split_by not in SPLIT_BY:
        raise InvalidInput(f"variant {split_by!r} is unknown; use one of {', '.join(SPLIT_BY)}")
    names = [f"{stem}({by})" for by in ([split_by] if split_by else SPLIT_BY)]
    names += [] if split_by else [stem]
    for name in names:
        for path in (folder / f"{name}.json", folder / f"{name}.p"):
            if path.is_file():
                return path
    raise NotFound(f"{folder} holds no {names[0]}.p or {names[0]}.json")
