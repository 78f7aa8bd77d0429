"""Looks at every picture, mask and text of a dataset once, and tells what is wrong and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synres.data.images import decode_image, read_picture
from synres.data.mask_check import MENDABLE, mask_problems
from synres.data.readers.formats import Options, open_dataset
from synres.data.readers.labels import LabelMap
from synres.data.rows import LazyMask, Place, Problem, ReferringRow, Row, SemanticRow, VqaRow
from synres.errors import RejectedItem

Size = tuple[int, int]
_USUAL = frozenset({"crowd"})
"""What datasets hold on purpose and nobody reads: counted, no problem."""


@dataclass(slots=True)
class Report:
    """`counts`: pictures, rows, expressions, masks, ... and rows by split. `left_out`: reason -> records."""

    format: str
    folder: Path
    counts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Seen:
    """A row. `is_sound`: it can be kept; a picture with objects can, without those that are wrong.

    `masks`: the places of its masks that can be kept.
    """

    row: Row
    is_sound: bool
    masks: tuple[Place, ...] = ()


class Checker:
    """Over the parts of one dataset; `report` grows while `rows` is read."""

    def __init__(self, name: str, folder: Path, parts: Sequence[Options]) -> None:
        self.report = Report(name, folder)
        self._parts = parts
        self._told: set[Problem] = set()
        self._sizes: dict[Path, Size | None] = {}
        self._masks: dict[Place, bool] = {}

    def rows(self) -> Iterator[Seen]:
        """Every row that could be read. Raises NotFound and InvalidInput as readers do."""
        for part in self._parts:
            for found in open_dataset(self.report.format, self.report.folder, part):
                if isinstance(found, Problem):
                    self._tell([found])
                else:
                    yield self._look(found)
                    self._count(found)

    def _tell(self, problems: Iterable[Problem]) -> None:
        """Parts share files, so that a problem may come again."""
        for problem in problems:
            if problem in self._told:
                continue
            self._told.add(problem)
            if problem.reason in _USUAL:
                self.report.left_out[problem.reason] += 1
            else:
                self.report.problems.append(problem)

    def _count(self, row: Row) -> None:
        counts = self.report.counts
        counts["rows"] += 1
        counts["pictures"], counts["masks"] = len(self._sizes), len(self._masks)
        if isinstance(row, ReferringRow):
            counts["expressions"] += len(row.expressions)
            counts["rows without target"] += row.is_no_target
        if not isinstance(row, VqaRow) and row.split:
            counts[f"rows of {row.split}"] += 1

    def _look(self, row: Row) -> Seen:
        if row.image is None:
            return Seen(row, True)
        claimed = None if isinstance(row, VqaRow) else row.size
        size = self._size(row.image, claimed, row.place)
        if size is None or isinstance(row, VqaRow):
            return Seen(row, size is not None)
        if isinstance(row, ReferringRow):
            masks = [*row.masks, *([row.ignore] if row.ignore else [])]
            sound = [mask.place for mask in masks if self._is_sound(mask, size)]
            return Seen(row, len(sound) == len(masks), tuple(sound))
        return self._look_at_regions(row, size)

    def _look_at_regions(self, row: SemanticRow, size: Size) -> Seen:
        try:
            masks = [region.mask for region in row.regions.read()]
            strangers = row.regions.strangers() if isinstance(row.regions, LabelMap) else []
        except RejectedItem as bad:
            self._tell([Problem(row.place, bad.reason, bad.message)])
            return Seen(row, False)
        if strangers:
            self._tell([Problem(row.place, "unknown_category", f"no class has the value {strangers[0]}")])
        sound = [mask.place for mask in masks if self._is_sound(mask, size)]
        whole = row.is_instances or (len(sound) == len(masks) and not strangers)
        return Seen(row, whole, tuple(sound))

    def _size(self, path: Path, claimed: Size | None, place: Place) -> Size | None:
        """(height, width) of a picture that is sound and as large as claimed; told once for each picture."""
        if path not in self._sizes:
            try:
                height, width = decode_image(read_picture(path)).shape[:2]
                if claimed not in (None, (height, width)):
                    said = f"{path.name} is {height} x {width}, its annotations are for {claimed}"
                    raise RejectedItem("mask_size_mismatch", said)
                self._sizes[path] = height, width
            except RejectedItem as bad:
                self._sizes[path] = None
                self._tell([Problem(place, bad.reason, f"{path.name}: {bad.message}")])
        return self._sizes[path]

    def _is_sound(self, mask: LazyMask, size: Size) -> bool:
        """Several rows may share a mask, which is told once; all masks of a label map have one place."""
        if mask.place not in self._masks:
            problems = mask_problems(mask, size)
            self._tell(problems)
            self._masks[mask.place] = all(problem.reason in MENDABLE for problem in problems)
        return self._masks[mask.place]
