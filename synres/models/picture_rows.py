"""Expressions of several pictures as rows of one batch, each row with its own picture's encoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from synres.domain.types import Expression
from synres.models.encoding_cache import Encoding
from synres.ports import Image

Asked = Sequence[tuple[Image, Sequence[Expression]]]
"""Pictures, each with at least one expression."""
ROWS = 16
"""Expressions that are read and drawn together; more of them come in turn, to bound the memory."""
Row = TypeVar("Row")


def owners_of(asked: Asked) -> list[int]:
    """For each expression the place of its picture."""
    return [place for place, (_, expressions) in enumerate(asked) for _ in expressions]


def spans(rows: int) -> Iterator[slice]:
    """Of at most ROWS rows each."""
    return (slice(start, start + ROWS) for start in range(0, rows, ROWS))


def split_pictures(tensors: Sequence[Tensor]) -> list[Encoding]:
    """Tensors (B, ...) -> for each of the B pictures its own (1, ...)."""
    parts = [torch.split(tensor, 1) for tensor in tensors]
    # copies, since a view would keep the whole batch alive
    return [tuple(part.clone() for part in own) for own in zip(*parts, strict=True)]


def for_rows(encodings: Sequence[Encoding], owners: Sequence[int]) -> Encoding:
    """Encodings (1, ...) -> (n, ...): row k has that of picture `owners[k]`."""
    wanted = sorted(set(owners))
    if len(wanted) == 1:
        return tuple(part.expand(len(owners), *part.shape[1:]) for part in encodings[wanted[0]])
    places = [wanted.index(owner) for owner in owners]
    return tuple(
        torch.cat(parts)[places] for parts in zip(*(encodings[owner] for owner in wanted), strict=True)
    )


def by_picture(rows: Sequence[Row], asked: Asked) -> list[list[Row]]:
    """One row for each expression -> those of each picture."""
    rest = iter(rows)
    return [[next(rest) for _ in expressions] for _, expressions in asked]
