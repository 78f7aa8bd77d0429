"""What the readers of datasets yield: three kinds of rows, and problems. Nothing in a row is decoded yet.

A row holds paths and places in files; its pictures are opened and its masks drawn when somebody asks. Rows
can be pickled, so that they travel to loader processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from synres.domain.masks import common_size, runs_to_rle, union
from synres.domain.types import Expression, Rle


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands: `file` below the dataset's folder, `record` in it ("refs[3]", "annotation 17").

    `line` counts from 1; None in files without lines (pickles, pictures).
    """

    file: str
    record: str = ""
    line: int | None = None

    def __str__(self) -> str:
        line = "" if self.line is None else f":{self.line}"
        return f"{self.file}{line} {self.record}".rstrip()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one record. `reason` is lower_snake (docs/data.md lists all)."""

    place: Place
    reason: str
    message: str


class LazyMask(Protocol):
    """A mask that lies in a file. `place` tells where."""

    @property
    def place(self) -> Place: ...

    def rle(self) -> Rle:
        """Canonical Rle, drawn now; raises RejectedItem ("mask_unreadable", "mask_missing", ...)."""
        ...


@dataclass(frozen=True, slots=True)
class ReferringRow:
    """One target of one picture (one object, several, or none) and every expression that names it.

    `image`: the picture's path, which need not exist. `size`: (height, width) in pixels, as the annotations
    claim it. `expressions`: in the file's order, stripped, never empty; `expression_ids` stands beside it.
    `masks`, `categories`, `annotation_ids`: one for each annotated object, empty where there is no target.
    `ignore`: pixels that count neither way. `is_sentence`: a whole sentence or question (ReasonSeg), not a
    noun with attributes. `explanation`: a question about the target and its answer in words (ReasonSeg, few
    rows). `subset`, `domain`: labels for tables; empty where the format has none.
    """

    place: Place
    image: Path
    size: tuple[int, int]
    expressions: tuple[Expression, ...]
    expression_ids: tuple[int, ...]
    masks: tuple[LazyMask, ...]
    categories: tuple[str, ...]
    split: str
    ref_id: int
    image_id: int
    annotation_ids: tuple[int, ...] = ()
    ignore: LazyMask | None = None
    is_sentence: bool = False
    explanation: tuple[str, str] | None = None
    subset: str = ""
    domain: str = ""

    @property
    def is_no_target(self) -> bool:
        return not self.masks

    @property
    def category(self) -> str:
        """The noun that all objects share, or ""."""
        return self.categories[0] if len(set(self.categories)) == 1 else ""

    def mask(self) -> Rle:
        """The union of the objects at `size`; empty without a target.

        Raises RejectedItem as `LazyMask.rle` does, and "mask_size_mismatch".
        """
        drawn = [mask.rle() for mask in self.masks]
        empty = runs_to_rle([self.size[0] * self.size[1]], self.size)
        common_size([empty, *drawn])
        return union(drawn) if drawn else empty


@dataclass(frozen=True, slots=True)
class Region:
    """A class of a picture (all its pixels), or one annotated object or part. `part` is "" for a whole.

    >>> Region("dog", "ear", mask, Place("train.json")).category     # doctest: +SKIP
    'dog:ear'
    """

    name: str
    part: str
    mask: LazyMask
    place: Place

    @property
    def category(self) -> str:
        return f"{self.name}:{self.part}" if self.part else self.name


class LazyRegions(Protocol):
    """The regions of a picture, which lie in files."""

    def read(self) -> list[Region]:
        """By ascending class or annotation id; raises RejectedItem if the whole file is unreadable."""
        ...


@dataclass(frozen=True, slots=True)
class SemanticRow:
    """One picture with its labelled regions. `size`: (height, width) as the annotations claim it, None if
    they do not. `is_instances`: each region is one object or part, not all pixels of a class."""

    place: Place
    image: Path
    size: tuple[int, int] | None
    regions: LazyRegions
    is_instances: bool
    split: str


@dataclass(frozen=True, slots=True)
class Turn:
    """`speaker`: "human" or "gpt". The mark `<image>` is removed from `text`."""

    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class VqaRow:
    """One conversation about a picture: turns of "human" and "gpt" by turns, from "human" on, in pairs.

    `image` is None for a conversation about none.
    """

    place: Place
    image: Path | None
    turns: tuple[Turn, ...]
    conversation_id: str


Row = ReferringRow | SemanticRow | VqaRow
