"""A cleaned copy of a dataset in its own layout: what is sound, and a list of what is not in it and why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from synres.data.check import Report, Seen
from synres.data.clean_json import write_coco, write_conversations, write_reasonseg, write_refs
from synres.data.paths import refuse_link_out
from synres.data.readers.formats import FORMATS, coco_file
from synres.data.readers.reasonseg import EXPLANATIONS
from synres.data.readers.refcoco import EXPORTED, is_exported
from synres.data.rows import Place, ReferringRow, SemanticRow
from synres.errors import InvalidInput

PROBLEMS = "problems.jsonl"
_NAMES = (
    "ade20k_classes.json", "utils/ade20k_classes.json", "objectInfo150.txt", "cocostuff_classes.txt",
    "utils/cocostuff_classes.txt", "labels.txt", "config_v2.0.json", EXPLANATIONS,
)  # fmt: skip
"""Files that name the classes, and ReasonSeg's explanations."""


@dataclass(slots=True)
class Kept:
    """What stays: places of rows and masks, ids of COCO images, pictures, and files of their own."""

    rows: set[Place] = field(default_factory=set)
    masks: set[Place] = field(default_factory=set)
    image_ids: set[int] = field(default_factory=set)
    pictures: set[Path] = field(default_factory=set)

    def add(self, seen: Seen) -> None:
        """Keeps the row if it is sound."""
        if not seen.is_sound:
            return
        self.rows.add(seen.row.place)
        self.masks.update(seen.masks)
        if seen.row.image is not None:
            self.pictures.add(seen.row.image)
        if isinstance(seen.row, ReferringRow):
            self.image_ids.add(seen.row.image_id)
        elif isinstance(seen.row, SemanticRow) and seen.row.is_instances:
            self.image_ids.add(id_of(seen.row.place))


def id_of(place: Place) -> int:
    """17, of "annotation 17"."""
    return int(place.record.rsplit(" ", 1)[1])


class CleanCopy:
    """Of one dataset, below `out`, at the same place relative to `top` as the dataset itself.

    Pictures and label maps are copied as they are; JSON and pickles are written anew without what is
    wrong. Annotations that no expression names are left away. Raises InvalidInput for an `out` that
    holds something or lies in the dataset.
    """

    def __init__(self, name: str, folder: Path, images: Path | None, top: Path, out: Path) -> None:
        self._name, self._folder, self._out = name, folder.absolute(), out.absolute()
        self._images = (images or FORMATS[name].images(folder)).absolute()
        self._top = Path(os.path.commonpath([top.absolute(), self._folder, self._images]))
        if self._top.is_file():
            self._top = self._top.parent
        theirs = (top.absolute(), self._folder, self._images)
        if any(place.is_dir() and self._out.is_relative_to(place) for place in theirs):
            raise InvalidInput(f"{out} lies in the dataset itself; name a folder elsewhere")

    def write(self, kept: Kept, report: Report) -> None:
        """All files, and a line for each problem in `problems.jsonl`."""
        self._write_annotations(kept)
        for picture in sorted(kept.pictures):
            self._copy(picture, self._target(self._images) / _relative(picture, self._images))
        with (self._out / PROBLEMS).open("ab") as file:
            file.writelines(msgspec.json.encode(line) + b"\n" for line in problem_lines(report))

    def _write_annotations(self, kept: Kept) -> None:
        annotation_ids = {id_of(place) for place in kept.masks if place.record.startswith("annotation ")}
        ids = kept.image_ids, annotation_ids
        match self._name:
            case "refcoco" | "grefcoco" | "wildres":
                for name in {place.file for place in kept.rows}:
                    refs = self._folder / name
                    write_refs(refs, self._target(refs), kept.rows)
                instances = EXPORTED if is_exported(self._folder) else "instances.json"
                write_coco(self._folder / instances, self._target(self._folder / instances), *ids)
            case "coco":
                file = coco_file(self._folder)
                write_coco(file, self._target(file), *ids)
            case "paco" | "pascal_part":
                for name in {place.file for place in kept.rows}:
                    file = next(self._folder.rglob(name))
                    write_coco(file, self._target(file), *ids)
            case "llava":
                for name in {place.file for place in kept.rows}:
                    write_conversations(self._folder / name, self._target(self._folder / name), kept.rows)
            case _:
                self._copy_files(kept)

    def _copy_files(self, kept: Kept) -> None:
        for place in kept.rows | kept.masks:
            file = self._folder / place.file
            if self._name == "reasonseg":
                write_reasonseg(file, self._target(file))
            else:
                self._copy(file, self._target(file))
        for name in _NAMES:
            self._copy_beside(name)

    def _copy_beside(self, name: str) -> None:
        """A file in the folder or beside it: into the copy of the folder, if its place is not copied."""
        for base in (self._folder, self._folder.parent):
            if (base / name).is_file():
                inside = base.is_relative_to(self._top)
                self._copy(base / name, self._target(base if inside else self._folder) / name)
                return

    def _target(self, path: Path) -> Path:
        return self._out / path.relative_to(self._top)

    def _copy(self, source: Path, target: Path) -> None:
        refuse_link_out(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def problem_lines(report: Report) -> Iterator[dict[str, Any]]:
    """Each problem with its file, line, record, reason and message."""
    for problem in report.problems:
        place = msgspec.to_builtins(problem.place)
        yield {"format": report.format, **place, "reason": problem.reason, "message": problem.message}


def prepare(out: Path) -> None:
    """Makes the folder. Raises InvalidInput if it holds something."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InvalidInput(f"{out} is not empty; name a new folder")
    out.mkdir(parents=True, exist_ok=True)


def keep_sound(rows: Iterable[Seen]) -> Kept:
    """All that is sound among the rows."""
    kept = Kept()
    for seen in rows:
        kept.add(seen)
    return kept


def _relative(picture: Path, images: Path) -> Path:
    """Readers follow the links of folders; a copy has the folder where the link was."""
    plain = picture.absolute()
    return plain.relative_to(images if plain.is_relative_to(images) else images.resolve())
