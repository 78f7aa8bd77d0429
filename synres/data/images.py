"""Pictures in and out of bytes. Sizes are read from the header and capped before a pixel is decoded."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFile, UnidentifiedImageError

from synres.errors import RejectedItem
from synres.ports import Image

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 50_000_000
MAX_ASPECT = 100.0
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MODES = frozenset({"RGB", "RGBA", "L", "P", "1", "LA"})
EXIF_ORIENTATION = 0x0112
# What Pillow's decoders let through on damaged files; a Warning is raised where warnings are errors.
_DAMAGE = (
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
    if len(data) > MAX_BYTES:
        raise RejectedItem("image_too_many_bytes", f"{len(data)} bytes; at most {MAX_BYTES}")
    picture = _open(data)
    _check_header(picture)
    return _pixels(picture)


def encode_png(image: Image) -> bytes:
    """(H, W, 3) uint8 or (H, W) uint8 -> PNG bytes; equal pixels give equal bytes."""
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()


def _open(data: bytes) -> ImageFile.ImageFile:
    try:
        return PillowImage.open(io.BytesIO(data), formats=FORMATS)
    except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning) as error:
        raise RejectedItem("image_too_many_pixels", str(error)) from error
    except UnidentifiedImageError as error:
        raise RejectedItem("image_unreadable", f"not one of {', '.join(FORMATS)}") from error
    except _DAMAGE as error:
        raise RejectedItem("image_unreadable", f"not one of {', '.join(FORMATS)}: {error}") from error


def _check_header(picture: ImageFile.ImageFile) -> None:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise RejectedItem("image_too_many_pixels", f"{width} x {height}; at most {MAX_PIXELS} pixels")
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
        pixels = np.asarray(picture.convert("RGB"))
    except _DAMAGE as error:
        raise RejectedItem("image_truncated", f"the picture breaks off: {error}") from error
    if orientation != 1:
        raise RejectedItem(
            "image_exif_rotated", "EXIF orientation is set; bake the rotation in and redo the masks"
        )
    return pixels
