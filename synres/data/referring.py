"""Rows of a referring dataset as pictures for the ledger: all expressions of a picture together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from synres.data.images import read_picture
from synres.data.rows import LazyMask, Problem, ReferringRow
from synres.data.source import Picture, Referred, Refused
from synres.domain.digests import canonical_json
from synres.domain.types import Rle
from synres.errors import RejectedItem

SubsetOf = Callable[[ReferringRow], str]
OverlapsOf = Callable[[Sequence[LazyMask]], tuple[Rle, ...]]


def by_targets(row: ReferringRow) -> str:
    """The row's own subset, else how many objects are meant: "no_target", "one_target", "multi_target"."""
    return row.subset or ("no_target", "one_target", "multi_target")[min(2, len(row.masks))]


def referred_pictures(
    rows: Iterable[ReferringRow | Problem],
    subset_of: SubsetOf = lambda row: row.subset,
    first_only: bool = False,
    overlaps_of: OverlapsOf = lambda masks: (),
) -> Iterator[Picture | Refused]:
    """Pictures in the order in which rows name them, each with every expression; then what was refused.

    `first_only`: of a row's expressions the first alone, as LISA validates on ReasonSeg. `overlaps_of`:
    what a row's masks cover more than once. A picture is read and its masks are drawn when it is asked for.
    """
    pictures: dict[Path, list[ReferringRow]] = {}
    problems: list[Problem] = []
    for row in rows:
        if isinstance(row, Problem):
            problems.append(row)
        else:
            pictures.setdefault(row.image, []).append(row)
    for path, of_one in pictures.items():
        yield from _picture(path, of_one, subset_of, first_only, overlaps_of)
    yield from (_refused(str(p.place), p.reason, p.message) for p in problems)


def _picture(
    path: Path, rows: list[ReferringRow], subset_of: SubsetOf, first_only: bool, overlaps_of: OverlapsOf
) -> Iterator[Picture | Refused]:
    try:
        data = read_picture(path)
    except RejectedItem as bad:
        yield _refused(path.name, bad.reason, bad.message)
        return
    referred: list[Referred] = []
    for row in rows:
        try:
            mask, ignore = row.mask(), row.ignore.rle() if row.ignore else None
            overlaps = overlaps_of(row.masks)
        except RejectedItem as bad:
            yield _refused(str(row.place), bad.reason, bad.message)
            continue
        said = row.expressions[:1] if first_only else row.expressions
        turns = (row.explanation,) if row.explanation else ()
        about = (mask, row.category, subset_of(row), ignore, turns, overlaps)
        referred += [Referred(text, *about) for text in said]
    yield Picture(path.name, data, referred=tuple(referred), domain=rows[0].domain)


def _refused(name: str, reason: str, message: str) -> Refused:
    return Refused(name, canonical_json([name, reason, message]), reason, message)
