"""Every layout that can be read: how it is known, where its pictures lie, what reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

from synres.data.readers.places import find_folder
from synres.data.rows import Problem, Row
from synres.errors import InvalidInput, NotFound

Rows = Iterator[Row | Problem]
Kind = Literal["referring", "semantic", "vqa"]
_DEPTH = 3
_PACO = "annotations/paco_lvis_v1_"
_COCO = ("annotations/instances_*.json", "annotations.json", "instances.json")


@dataclass(frozen=True, slots=True)
class Options:
    """`split`: "" for all, or for the usual one of a format whose files lie by split. `variant`: whose splits
    (unc, google, umd), or the part (id, ds) of WildRES. `images`: where pictures are, None to look there.
    `keeps_faults`: what the originals read wrongly is read so."""

    split: str = ""
    variant: str = ""
    images: Path | None = None
    keeps_faults: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """`marks`: patterns of which a folder of this format has a file. `images`: where its pictures are.

    `parts`: patterns of files or folders that are read apart, and what stands before and after the part's
    name in them; `part_is_variant` if it is no split.
    """

    title: str
    kind: Kind
    marks: tuple[str, ...]
    read: Callable[[Path, Options], Rows]
    images: Callable[[Path], Path] = lambda folder: folder
    parts: tuple[tuple[str, str, str], ...] = ()
    part_is_variant: bool = False


def _reader(module: str, name: str, with_variant: bool = False) -> Callable[[Path, Options], Rows]:
    """`read_<name>` of a module here, loaded when it is used."""

    def read(folder: Path, options: Options) -> Rows:
        if options.variant and not with_variant:
            raise InvalidInput(f"{name} has no variant; leave {options.variant!r} away")
        function = getattr(import_module(f"synres.data.readers.{module}"), f"read_{name}")
        extra = (options.variant,) if with_variant else ()
        rows: Rows = function(folder, options.split, *extra, images=options.images)
        return rows

    return read


def _coco(folder: Path, options: Options) -> Rows:
    from synres.data.readers.instances import read_instances

    path = coco_file(folder)
    yield from read_instances(path, options.images or coco_images(folder), options.split)


def coco_file(path: Path) -> Path:
    """The annotation file of a folder (the first by name), or the file itself. Raises NotFound."""
    if path.is_file():
        return path
    found = [file for pattern in _COCO for file in sorted(path.glob(pattern))]
    if not found:
        raise NotFound(f"{path} holds no {' or '.join(_COCO)}")
    return found[0]


def coco_images(path: Path) -> Path:
    """`train2017/` for `instances_train2017.json`, else `images/` or the folder itself."""
    file = coco_file(path)
    folder = path if path.is_dir() else path.parent
    split = file.stem.removeprefix("instances_")
    for base in (folder, folder.parent):
        for name in (split, f"images/{split}"):
            if (base / name).is_dir():
                return base / name
    # an export's file names begin with images/ themselves
    return folder


def _folder(folder: Path, options: Options) -> Rows:
    from synres.data.readers.folder import read_folder

    yield from read_folder(folder, options.split)


def _reasonseg(folder: Path, options: Options) -> Rows:
    from synres.data.readers.reasonseg import read_reasonseg

    yield from read_reasonseg(folder, options.split)


def _llava(folder: Path, options: Options) -> Rows:
    from synres.data.readers.llava import read_llava

    yield from read_llava(folder, options.images)


def _mapillary(folder: Path, options: Options) -> Rows:
    from synres.data.readers.scenes import read_mapillary

    yield from read_mapillary(folder, options.split, options.images, options.keeps_faults)


def _refcoco_images(folder: Path) -> Path:
    from synres.data.readers.refcoco import refcoco_images

    return refcoco_images(folder)


def _found(module: str, names: str) -> Callable[[Path], Path]:
    return lambda folder: find_folder(folder, getattr(import_module(f"synres.data.readers.{module}"), names))


FORMATS: Mapping[str, Format] = {
    "refcoco": Format(
        "RefCOCO, RefCOCO+, RefCOCOg, RefCLEF", "referring", ("refs(*).p", "refs(*).json", "refs.json"),
        _reader("refcoco", "refcoco", True), _refcoco_images,
        (("refs(*).p", "refs(", ").p"), ("refs(*).json", "refs(", ").json")), part_is_variant=True,
    ),
    "grefcoco": Format(
        "gRefCOCO", "referring", ("grefs(unc).json", "grefs(unc).p"), _reader("grefcoco", "grefcoco", True),
        _found("refcoco", "COCO_FOLDERS"),
    ),
    "reasonseg": Format(
        "ReasonSeg", "referring", ("train/*.json", "val/*.json", "test/*.json"), _reasonseg
    ),
    "wildres": Format(
        "WildRES (our layout)", "referring", ("grefs(id).json", "grefs(ds).json"),
        _reader("wildres", "wildres", True),
    ),
    "ade20k": Format(
        "ADE20K", "semantic", ("annotations/training/*.png", "annotations/validation/*.png"),
        _reader("scenes", "ade20k"), parts=(("annotations/*", "annotations/", ""),),
    ),
    "cocostuff": Format(
        "COCO-Stuff", "semantic", ("train2017/*.png", "val2017/*.png"), _reader("scenes", "cocostuff"),
        _found("scenes", "PICTURES"), (("*2017", "", ""),),
    ),
    "mapillary": Format(
        "Mapillary Vistas 2", "semantic", ("config_v2.0.json",), _mapillary,
        parts=(("*/v2.0/labels", "", "/v2.0/labels"),),
    ),
    "paco": Format(
        "PACO-LVIS", "semantic", (f"{_PACO}*.json",), _reader("paco", "paco"),
        _found("paco", "PICTURES"), ((f"{_PACO}*.json", _PACO, ".json"),),
    ),
    "pascal_part": Format(
        "PASCAL-Part", "semantic", ("VOCdevkit/VOC2010",), _reader("paco", "pascal_part"),
        parts=(("*.json", "", ".json"),),
    ),
    "llava": Format(
        "LLaVA-Instruct", "vqa", ("llava_instruct_150k.json",), _llava, _found("llava", "PICTURES")
    ),
    "folder": Format(
        "images, masks, texts", "referring", ("texts", "train/texts", "val/texts", "test/texts"), _folder
    ),
    "coco": Format("COCO instances", "semantic", _COCO, _coco, coco_images),
}  # fmt: skip


def open_dataset(name: str, folder: Path, options: Options = Options()) -> Rows:
    """The rows and problems of a folder in the format `name`. Raises NotFound and InvalidInput, at once or
    while rows are read."""
    if name not in FORMATS:
        raise NotFound(f"format {name!r} is unknown; there is {', '.join(FORMATS)}")
    return FORMATS[name].read(folder, options)


def detect(path: Path) -> list[tuple[str, Path]]:
    """(format, folder) of every dataset at `path` or up to three folders below it. Raises NotFound.

    A folder that is a dataset is not searched for others; a file is taken for COCO instances.
    """
    if path.is_file():
        return [("coco", path)]
    if not path.is_dir():
        raise NotFound(f"{path} does not exist")
    return list(_below(path, _DEPTH))


def parts(name: str, folder: Path) -> list[Options]:
    """What there is to read in a folder: splits that are files or folders, or variants of refs."""
    known = FORMATS[name]
    found = {
        path.relative_to(folder).as_posix()[len(before) : -len(after) or None]
        for pattern, before, after in known.parts
        for path in folder.glob(pattern)
    }
    made = [Options(variant=part) if known.part_is_variant else Options(split=part) for part in sorted(found)]
    return made or [Options()]


def _below(folder: Path, depth: int) -> Iterator[tuple[str, Path]]:
    name = next((name for name, known in FORMATS.items() if _has(folder, known.marks)), None)
    if name == "coco":
        files = dict.fromkeys(file for pattern in _COCO for file in sorted(folder.glob(pattern)))
        yield from ((name, file) for file in files)
    elif name:
        yield name, folder
    elif depth:
        for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
            yield from _below(inner, depth - 1)


def _has(folder: Path, marks: tuple[str, ...]) -> bool:
    return any(next(folder.glob(mark), None) for mark in marks)
