"""A picture for the micro model, with the masks of its objects, and pictures that are none."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image as PillowImage

from synres.data.images import encode_png
from synres.domain.masks import Mask
from synres.microworld.render import render
from synres.microworld.scene import Attributes, place
from synres.ports import Image

EXPRESSIONS = ("the small red circle", "the blue square", "the green triangle")
_ENLARGED = 4
_SEED = 32  # of a scene that the shipped weights understand


@dataclass(frozen=True)
class Scene:
    """`masks`: of EXPRESSIONS, in order."""

    image: Image
    masks: tuple[Mask, ...]

    @property
    def png(self) -> bytes:
        return encode_png(self.image)


def scene() -> Scene:
    """384 x 384 pixels."""
    objects = [("circle", "red", "small"), ("square", "blue", "large"), ("triangle", "green", "large"),
               ("star", "yellow", "large")]  # fmt: skip
    small = place(np.random.default_rng(_SEED), [Attributes(s, c, "plain", z) for s, c, z in objects])
    specs = tuple(
        replace(each, x=each.x * _ENLARGED, y=each.y * _ENLARGED, radius=each.radius * _ENLARGED)
        for each in small.objects
    )
    image, masks = render(replace(small, objects=specs, background=_SEED, side=small.side * _ENLARGED))
    return Scene(image, tuple(masks[:3]))


def turned_jpeg(image: Image, orientation: int) -> bytes:
    """A JPEG whose EXIF says how it is to be turned."""
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, format="JPEG", quality=95, exif=exif)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims these many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
