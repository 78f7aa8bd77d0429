"""Pictures in and out of bytes. Sizes are read from the header and capped before a pixel is decoded."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFile, ImageOps, UnidentifiedImageError

from synres.data.paths import refuse_link_out
from synres.errors import RejectedItem
from synres.ports import Image

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 50_000_000
MAX_ASPECT = 100.0
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MODES = frozenset({"RGB", "RGBA", "L", "P", "1", "LA"})
EXIF_ORIENTATION = 0x0112
# What Pillow's decoders let through on damaged files; a Warning is raised where warnings are errors.
DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    struct.error,
    zlib.error,
    Warning,
)


def decode_image(data: bytes) -> Image:
    """Encoded bytes -> (H, W, 3) uint8 RGB.

    Raises RejectedItem with the reason `image_too_many_bytes`, `image_unreadable`, `image_too_many_pixels`,
    `image_extreme_aspect`, `image_mode` (CMYK, 16-bit, float), `image_exif_rotated` or `image_truncated`.
    A rotated picture is rejected since nobody can say whether its masks were drawn before or after rotation.
    """
    _check_bytes(data, MAX_BYTES)
    picture = _open(data)
    _check_header(picture, MAX_PIXELS)
    return _pixels(picture)


def check_image(data: bytes) -> tuple[int, int]:
    """(height, width) of what `decode_image` takes, without its pixels. Raises RejectedItem as it does.

    A JPEG is read to its end and drawn at an eighth of its size, which takes a third of the time.
    """
    _check_bytes(data, MAX_BYTES)
    picture = _open(data)
    _check_header(picture, MAX_PIXELS)
    width, height = picture.size
    picture.draft("L", (1, 1))
    _pixels(picture)
    return height, width


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """Of which the header is read and held against limits, and no pixel decoded yet."""

    _picture: ImageFile.ImageFile

    @property
    def pixels(self) -> int:
        width, height = self._picture.size
        return width * height

    def upright(self) -> Image:
        """(H, W, 3) uint8 RGB, turned as its EXIF says. Raises RejectedItem("image_truncated")."""
        try:
            # in place, or it would copy what already stands upright
            ImageOps.exif_transpose(self._picture, in_place=True)
            picture = self._picture
            return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
        except DAMAGE as error:
            raise RejectedItem("image_truncated", f"the picture breaks off: {error}") from error


def open_image(data: bytes, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> OpenedImage:
    """For one picture by itself, where nobody has drawn masks on it yet: its rotation is no trouble.

    Raises RejectedItem with the reasons of `decode_image` that a header shows.
    """
    _check_bytes(data, max_bytes)
    picture = _open(data)
    _check_header(picture, max_pixels)
    return OpenedImage(picture)


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) by the header alone. Raises RejectedItem("image_missing", "image_unreadable",
    "image_too_many_pixels", "unsafe_path")."""
    refuse_link_out(path)
    try:
        with PillowImage.open(path, formats=FORMATS) as picture:
            width, height = picture.size
    except FileNotFoundError as error:
        raise RejectedItem("image_missing", f"{path.name} is not there") from error
    except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning) as error:
        raise RejectedItem("image_too_many_pixels", str(error)) from error
    except DAMAGE as error:
        raise RejectedItem("image_unreadable", f"{path.name} is not one of {', '.join(FORMATS)}") from error
    if width * height > MAX_PIXELS:
        raise RejectedItem("image_too_many_pixels", f"{width} x {height}; at most {MAX_PIXELS} pixels")
    return height, width


def read_picture(path: Path) -> bytes:
    """The file as it is. Raises RejectedItem("image_missing", "image_too_many_bytes", "unsafe_path")."""
    refuse_link_out(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RejectedItem("image_too_many_bytes", f"{path.name} has over {MAX_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise RejectedItem("image_missing", f"{path.name} cannot be read: {error.strerror}") from error


def encode_png(image: Image) -> bytes:
    """(H, W, 3) uint8 or (H, W) uint8 -> PNG bytes; equal pixels give equal bytes."""
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()


def _check_bytes(data: bytes, most: int) -> None:
    if len(data) > most:
        raise RejectedItem("image_too_many_bytes", f"{len(data)} bytes; at most {most}")


def _open(data: bytes) -> ImageFile.ImageFile:
    try:
        return PillowImage.open(io.BytesIO(data), formats=FORMATS)
    except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning) as error:
        raise RejectedItem("image_too_many_pixels", str(error)) from error
    except UnidentifiedImageError as error:
        raise RejectedItem("image_unreadable", f"not one of {', '.join(FORMATS)}") from error
    except DAMAGE as error:
        raise RejectedItem("image_unreadable", f"not one of {', '.join(FORMATS)}: {error}") from error


def _check_header(picture: ImageFile.ImageFile, most_pixels: int) -> None:
    width, height = picture.size
    if width * height > most_pixels:
        raise RejectedItem("image_too_many_pixels", f"{width} x {height}; at most {most_pixels} pixels")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise RejectedItem(
            "image_extreme_aspect", f"{width} x {height}; sides may differ {MAX_ASPECT:g}-fold"
        )
    if picture.mode not in MODES or _holds_16_bits(picture):
        raise RejectedItem("image_mode", f"mode {picture.mode}; convert it to 8-bit RGB")


def _holds_16_bits(picture: ImageFile.ImageFile) -> bool:
    """Pillow opens 16-bit colour as "RGB" and cuts it to 8 bits in silence; only its decoder's name tells."""
    return any("16" in str(tile.args) for tile in picture.tile if tile.codec_name == "zip")


def _pixels(picture: ImageFile.ImageFile) -> Image:
    try:
        # Pillow reads all of a PNG to find its EXIF, so a broken file may show here first.
        orientation = picture.getexif().get(EXIF_ORIENTATION, 1)
        pixels = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
    except DAMAGE as error:
        raise RejectedItem("image_truncated", f"the picture breaks off: {error}") from error
    if orientation != 1:
        raise RejectedItem(
            "image_exif_rotated", "EXIF orientation is set; bake the rotation in and redo the masks"
        )
    return pixels
