"""A small photo to compose from: textured ground, four things of plain colours."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from synres.data.images import encode_png
from synres.data.source import Picture
from synres.domain.masks import encode_mask
from synres.domain.types import SceneObject
from synres.ports import Image, Mask, SceneMask

SIZE = (96, 128)
THINGS = {
    "cup": ((205, 32, 32), (20, 14, 22, 18)),
    "book": ((45, 85, 210), (52, 20, 26, 24)),
    "box": ((55, 160, 65), (18, 88, 24, 24)),
    "ball": ((245, 220, 60), (60, 84, 18, 18)),
}
"""Noun -> colour and (top, left, height, width)."""


def block(top: int, left: int, height: int, width: int, size: tuple[int, int] = SIZE) -> Mask:
    mask = np.zeros(size, np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


def things() -> tuple[SceneMask, ...]:
    return tuple(SceneMask(noun, block(*place)) for noun, (_, place) in THINGS.items())


def photo() -> Image:
    rng = np.random.default_rng(5)
    light = np.linspace(120, 170, SIZE[1]) + rng.normal(0, 4, SIZE)
    image = np.repeat(light[..., None], 3, axis=-1)
    for colour, place in THINGS.values():
        mask = block(*place)
        image[mask] = np.array(colour) + rng.normal(0, 6, (int(mask.sum()), 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def picture() -> Picture:
    objects = tuple(SceneObject(thing.category, encode_mask(thing.mask)) for thing in things())
    return Picture("table.png", encode_png(photo()), objects, domain="table")


def bare_png(width: int, height: int, bits: int, colour_type: int, body: bytes) -> bytes:
    """A PNG whose header says this of it, whatever the body holds; every checksum is right."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )
