"""Looks at every picture, mask and text of a dataset once, and tells what is wrong and where."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synres.data.ahead import ahead
from synres.data.images import check_image, read_picture
from synres.data.mask_check import MENDABLE, mask_problems
from synres.data.readers.formats import Options, open_dataset
from synres.data.readers.labels import LabelMap
from synres.data.rows import LazyMask, Place, Problem, ReferringRow, Row, SemanticRow, VqaRow
from synres.errors import RejectedItem

Size = tuple[int, int]
_THREADS = min(4, os.cpu_count() or 1)
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
        self._more_classes = 0

    def rows(self) -> Iterator[Seen]:
        """Every row that could be read. Raises NotFound and InvalidInput as readers do."""
        for part in self._parts:
            rows = open_dataset(self.report.format, self.report.folder, part)
            # pictures are decoded by threads while masks are drawn here
            for found, measured in ahead(self._measure, rows, _THREADS):
                if isinstance(found, Problem):
                    self._tell([found])
                else:
                    yield self._look(found, measured)
                    self._count(found)

    def _measure(self, row: Row | Problem) -> tuple[Row | Problem, Size | RejectedItem | None]:
        """The row, and its picture's (height, width) or what is wrong with it; None if that is known."""
        if isinstance(row, Problem) or row.image is None or row.image in self._sizes:
            return row, None
        try:
            return row, check_image(read_picture(row.image))
        except RejectedItem as bad:
            return row, bad

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
        counts["pictures"], counts["masks"] = len(self._sizes), len(self._masks) + self._more_classes
        if isinstance(row, ReferringRow):
            counts["expressions"] += len(row.expressions)
            counts["rows without target"] += row.is_no_target
        if not isinstance(row, VqaRow) and row.split:
            counts[f"rows of {row.split}"] += 1

    def _look(self, row: Row, measured: Size | RejectedItem | None) -> Seen:
        if row.image is None:
            return Seen(row, True)
        if measured is not None and row.image not in self._sizes:
            claimed = None if isinstance(row, VqaRow) else row.size
            self._sizes[row.image] = self._sound_size(row.image, measured, claimed, row.place)
        size = self._sizes[row.image]
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
        self._more_classes += len(masks) - len({mask.place for mask in masks})
        sound = [mask.place for mask in masks if self._is_sound(mask, size)]
        whole = row.is_instances or (len(sound) == len(masks) and not strangers)
        return Seen(row, whole, tuple(sound))

    def _sound_size(
        self, path: Path, measured: Size | RejectedItem, claimed: Size | None, place: Place
    ) -> Size | None:
        """(height, width) of a picture that is sound and as large as claimed; else None, and told."""
        if isinstance(measured, RejectedItem):
            self._tell([Problem(place, measured.reason, f"{path.name}: {measured.message}")])
            return None
        if claimed not in (None, measured):
            said = f"{path.name} is {measured[0]} x {measured[1]}, its annotations are for {claimed}"
            self._tell([Problem(place, "mask_size_mismatch", f"{path.name}: {said}")])
            return None
        return measured

    def _is_sound(self, mask: LazyMask, size: Size) -> bool:
        """Several rows may share a mask, which is told once; all masks of a label map have one place."""
        if mask.place not in self._masks:
            problems = mask_problems(mask, size)
            self._tell(problems)
            self._masks[mask.place] = all(problem.reason in MENDABLE for problem in problems)
        return self._masks[mask.place]
