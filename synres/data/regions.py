"""Rows of semantic datasets and of conversations as pictures for the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from synres.data.images import image_size, read_picture
from synres.data.rows import Problem, Region, SemanticRow, VqaRow
from synres.data.source import Picture, Referred, Refused
from synres.domain.digests import canonical_json
from synres.domain.masks import runs_to_rle
from synres.errors import RejectedItem


def region_pictures(rows: Iterable[SemanticRow | Problem]) -> Iterator[Picture | Refused]:
    """Each picture with its regions as expressions: a class is its name, a part is "object part".

    `category` is "object:part" for a part, so that a trainer can word it anew.
    """
    for row in rows:
        yield from [_refused(row)] if isinstance(row, Problem) else _regions(row)


def conversation_pictures(rows: Iterable[VqaRow | Problem]) -> Iterator[Picture | Refused]:
    """Each picture with one conversation: its first question is the expression, its mask is empty.

    A conversation about no picture is refused (`conversation_without_picture`).
    """
    for row in rows:
        if isinstance(row, Problem):
            yield _refused(row)
            continue
        try:
            yield _conversation(row)
        except RejectedItem as bad:
            yield _refused(Problem(row.place, bad.reason, bad.message))


def _conversation(row: VqaRow) -> Picture:
    if row.image is None:
        raise RejectedItem("conversation_without_picture", "it is about no picture")
    data, size = read_picture(row.image), image_size(row.image)
    texts = [turn.text for turn in row.turns]
    turns = tuple(zip(texts[::2], texts[1::2], strict=True))
    empty = runs_to_rle([size[0] * size[1]], size)
    return Picture(row.image.name, data, referred=(Referred(texts[0], empty, turns=turns),))


def _regions(row: SemanticRow) -> Iterator[Picture | Refused]:
    try:
        data, regions = read_picture(row.image), row.regions.read()
    except RejectedItem as bad:
        yield _refused(Problem(row.place, bad.reason, bad.message))
        return
    referred = []
    for region in regions:
        try:
            referred.append(_referred(region))
        except RejectedItem as bad:
            yield _refused(Problem(region.place, bad.reason, bad.message))
    yield Picture(row.image.name, data, referred=tuple(referred))


def _referred(region: Region) -> Referred:
    expression = f"{region.name} {region.part}".strip()
    return Referred(expression, region.mask.rle(), region.category)


def _refused(problem: Problem) -> Refused:
    place = str(problem.place)
    return Refused(
        place, canonical_json([place, problem.reason, problem.message]), problem.reason, problem.message
    )
