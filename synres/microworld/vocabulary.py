"""The words of the micro world, and what they look like. Everything else in this room is built on these
tables.

Nouns: `SHAPES` (8), `SUPERCLASSES` (3 broader nouns and the shapes under each), `THING` (any object).
Adjectives: `COLOURS` (8: name -> RGB), `TEXTURES` (4), `SIZES` (2: name -> radius range in pixels).
Places: `POSITIONS` (4). Pictures: `DOMAINS` ("day" is in domain; `SHIFTED` are the other four).
`WORDS` holds every word that an expression may be made of, sorted.
"""

from __future__ import annotations

SUPERCLASSES: dict[str, tuple[str, ...]] = {
    "roundel": ("circle", "ring", "crescent"),
    "polygon": ("square", "triangle", "bar"),
    "symbol": ("star", "cross"),
}
SHAPES: tuple[str, ...] = tuple(shape for shapes in SUPERCLASSES.values() for shape in shapes)
SUPERCLASS_OF: dict[str, str] = {shape: name for name, shapes in SUPERCLASSES.items() for shape in shapes}
THING = "thing"

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (212, 40, 40),
    "orange": (240, 140, 28),
    "yellow": (238, 220, 60),
    "green": (56, 164, 66),
    "cyan": (60, 200, 214),
    "blue": (48, 84, 214),
    "purple": (134, 62, 178),
    "pink": (244, 142, 188),
}
TEXTURES: tuple[str, ...] = ("plain", "striped", "dotted", "checkered")
SIZES: dict[str, tuple[float, float]] = {"small": (6.5, 8.5), "large": (11.5, 15.0)}
"""Radius in pixels of a 96-pixel picture."""

POSITIONS: tuple[str, ...] = ("left", "right", "top", "bottom")
DAY = "day"
SHIFTED: tuple[str, ...] = ("night", "fog", "sketch", "aerial")
DOMAINS: tuple[str, ...] = (DAY, *SHIFTED)

WORDS: tuple[str, ...] = tuple(
    sorted({*SHAPES, *SUPERCLASSES, THING, *COLOURS, *TEXTURES, *SIZES, *POSITIONS})
)
