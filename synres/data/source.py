"""What every dataset reader yields. A reader parses and opens files; ingest checks pixels and masks."""

from __future__ import annotations

from dataclasses import dataclass

from synres.domain.types import Expression, Rle, SceneObject


@dataclass(frozen=True, slots=True)
class Referred:
    """An expression with its true mask. `category` is its noun, `subset` a label for tables; may be empty.

    `ignore`: pixels that the annotators left open, which an evaluation counts neither way. `turns`: questions
    about the picture, each with its answer in words. `overlaps`: as in SummedTriplet.
    """

    expression: Expression
    mask: Rle
    category: str = ""
    subset: str = ""
    ignore: Rle | None = None
    turns: tuple[tuple[str, str], ...] = ()
    overlaps: tuple[Rle, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as its file has it (`image` = encoded bytes), its annotated objects, its known expressions.

    Objects become Samples and expressions become Triplets, after ingest has checked both. `name` tells people
    where it came from and is never hashed.
    """

    name: str
    image: bytes
    objects: tuple[SceneObject, ...] = ()
    referred: tuple[Referred, ...] = ()
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """What a reader could not make a Picture of. `content` is hashed as the item; `reason` is lower_snake."""

    name: str
    content: bytes
    reason: str
    message: str = ""
