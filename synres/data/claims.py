"""Attribute expressions as data: what they claim, how they read in English, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from synres.data.colours import COLOURS
from synres.domain.types import Expression

PLACES: dict[str, str] = {
    "left": "on the left",
    "right": "on the right",
    "top": "at the top",
    "bottom": "at the bottom",
    "middle": "in the middle",
}
SIZES: tuple[str, ...] = ("largest", "smallest")
EXTREMES: dict[str, str] = {
    "leftmost": "left",
    "rightmost": "right",
    "topmost": "top",
    "lowest": "bottom",
}
RANKS: tuple[str, ...] = ("second", "third")
SIDES: tuple[str, ...] = ("left", "right")
ONLY, NEAREST, ANY = "only", "nearest to", "object"
RELATIONS: tuple[str, ...] = (NEAREST, "left of", "right of", "above", "below")
_FROM = re.compile(rf"\bfrom (?:the )?({'|'.join(SIDES)})\b")
_RANKED = re.compile(rf"\b({'|'.join(RANKS)})\b.*{_FROM.pattern}")
_RELATED = re.compile(rf"\b({'|'.join(RELATIONS)})\b (?:the |a |an )?")


@dataclass(frozen=True, slots=True)
class Claims:
    """ "" leaves a thing unsaid; `noun` "" means any object.

    `order`: "only", a word of SIZES or EXTREMES, or a rank and a side ("second left"). `relation`: a word of
    RELATIONS, together with the object that `landmark` names.
    """

    noun: str = ""
    colour: str = ""
    place: str = ""
    order: str = ""
    relation: str = ""
    landmark: Claims | None = None

    def attributes(self) -> frozenset[str]:
        """The kinds of attribute stated, of category, colour, position, size, ordinal, count, relation."""
        kind = "size" if self.order in SIZES else "count" if self.order == ONLY else "ordinal"
        stated = {
            "category": self.noun, "colour": self.colour, "position": self.place, kind: self.order,
            "relation": self.relation,
        }  # fmt: skip
        return frozenset(name for name, said in stated.items() if said)

    def text(self) -> Expression:
        """English, for example "the second red chair from the left"."""
        rank, _, side = self.order.partition(" ")
        words = ["the", rank, self.colour, self.noun or ANY, PLACES.get(self.place, "")]
        words += [f"from the {side}"] if side else []
        words += [self.relation, self.landmark.text()] if self.landmark else []
        return " ".join(word for word in words if word)


def parse_claims(expression: Expression, nouns: Iterable[str]) -> Claims:
    """What an expression claims, as far as it speaks of colour, place, size, order or one of `nouns`.

    Other words claim nothing; the inverse of `Claims.text`.
    """
    nouns = tuple(nouns)
    text = " ".join(re.findall(r"\w+", expression.lower()))
    related = _RELATED.search(text)
    if related is None:
        return _read_claims(text, nouns)
    own = _read_claims(text[: related.start()], nouns)
    landmark = _read_claims(text[related.end() :], nouns)
    return Claims(own.noun, own.colour, own.place, own.order, related[1], landmark)


def _read_claims(text: str, nouns: tuple[str, ...]) -> Claims:
    # The longest noun wins: "dining table" over "table".
    known = sorted((noun for noun in nouns if _says(text, noun.lower())), key=lambda noun: (-len(noun), noun))
    ranked = _RANKED.search(text)
    rest = _FROM.sub("", text) if ranked else text
    order = f"{ranked[1]} {ranked[2]}" if ranked else _first((*SIZES, *EXTREMES, ONLY), text)
    return Claims(known[0] if known else "", _first(COLOURS, text), _first(PLACES, rest), order)


def _first(words: Iterable[str], text: str) -> str:
    return next((word for word in words if _says(text, word)), "")


def _says(text: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words)}\b", text) is not None
