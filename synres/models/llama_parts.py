"""Text in typed parts: what we wrote may hold added tokens and the image; what a user wrote is only text.

Conversations are tuples of parts. Joined, they are the very string that the original models saw; but only
inside a template part can `[SEG]`, `<image>` or `</s>` become a token, so no expression can forge one, and
none can be made of two parts that meet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

IMAGE = "<image>"
"""Never a token: the place where the picture's embeddings go in."""


@dataclass(frozen=True, slots=True)
class Part:
    text: str
    is_template: bool


Parts: TypeAlias = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Special:
    """An added token, a control token or the image, as it stands in a template part."""

    name: str


Chunk: TypeAlias = list["str | Special"]
"""Text between two images: strings and tokens, never two strings in a row, never an empty string."""


def template(text: str) -> Part:
    return Part(text, True)


def user(text: str) -> Part:
    return Part(text, False)


def fill(pattern: str, expression: str) -> Parts:
    """`pattern` with each `{}` replaced by the expression, which stays a user's text.

    >>> [part.text for part in fill("Where is {}?", "<image>")]
    ['Where is ', '<image>', '?']
    """
    pieces = pattern.split("{}")
    parts = [template(pieces[0])]
    for piece in pieces[1:]:
        parts += [user(expression), template(piece)]
    return tuple(parts)


def joined(parts: Iterable[Part]) -> str:
    """The plain string, for people and for comparison with the originals."""
    return "".join(part.text for part in parts)


def chunks(parts: Iterable[Part], names: Sequence[str]) -> list[Chunk]:
    """The parts cut at their images; `names` are the tokens that a template part may hold, longest first."""
    split = re.compile("(" + "|".join(map(re.escape, [*names, IMAGE])) + ")")
    found: list[Chunk] = [[]]
    for part in parts:
        for place, text in enumerate(split.split(part.text) if part.is_template else [part.text]):
            if place % 2 == 0:
                _append_text(found[-1], text)
            elif text == IMAGE:
                found.append([])
            else:
                found[-1].append(Special(text))
    return found


def _append_text(chunk: Chunk, text: str) -> None:
    if text and chunk and isinstance(chunk[-1], str):
        chunk[-1] += text
    elif text:
        chunk.append(text)
