"""Pictures and masks from files and to files, for commands on single items."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from synres.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from synres.ports import Image, Mask


def read_picture(path: Path) -> Image:
    """Raises NotFound for a file that cannot be read, InvalidInput for one that is no usable picture."""
    from synres.data.images import decode_image

    with _told(path):
        return decode_image(_read(path))


def read_upright(path: Path) -> tuple[bytes, Image]:
    """The file, and its pixels turned as its EXIF orientation says. Raises as `read_picture`."""
    from synres.data.images import open_image

    with _told(path):
        data = _read(path)
        return data, open_image(data).upright()


def _read(path: Path) -> bytes:
    from synres.data.images import MAX_BYTES

    if path.stat().st_size > MAX_BYTES:
        raise InvalidInput(f"{path} is larger than {MAX_BYTES:,} bytes: give a smaller picture")
    return path.read_bytes()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    from synres.errors import RejectedItem

    try:
        yield
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
    except RejectedItem as bad:
        raise InvalidInput(f"{path}: {bad.reason}: {bad.message}") from bad


def read_mask(path: Path, image: Image) -> Mask:
    """True where the picture in `path` is not black. Raises InvalidInput for another size, or all black."""
    mask = read_picture(path).any(axis=2)
    if mask.shape != image.shape[:2]:
        raise InvalidInput(f"{path} is {mask.shape}, the picture {image.shape[:2]} (height, width)")
    if not mask.any():
        raise InvalidInput(f"{path} is black: white is where the object is")
    return mask


def box_mask(text: str, image: Image) -> Mask:
    """True inside "x,y,width,height", in pixels from the upper left. Raises InvalidInput."""
    import numpy as np

    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidInput(
            f"--box {text!r}: give x,y,width,height in pixels, such as 40,30,120,80"
        ) from error
    mask = np.zeros(image.shape[:2], dtype=np.bool_)
    if min(x, y) < 0 or min(width, height) < 1 or y + height > mask.shape[0] or x + width > mask.shape[1]:
        raise InvalidInput(f"--box {text!r} leaves the picture of {mask.shape[1]} x {mask.shape[0]} pixels")
    mask[y : y + height, x : x + width] = True
    return mask


def write_picture(path: Path, image: Image) -> None:
    """A PNG. Raises InvalidInput for a place that cannot be written."""
    from synres.data.images import encode_png

    try:
        path.write_bytes(encode_png(image))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}; give another --output") from error
