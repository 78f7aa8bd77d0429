"""Pictures in and out of bytes: every kind of poison has its reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from synres.data.images import MAX_BYTES, check_image, decode_image, encode_png
from synres.errors import RejectedItem
from tests.unit.data.photo import bare_png

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)


def encoded(image_format: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(PIXELS).convert(mode).save(buffer, image_format, **options)
    return buffer.getvalue()


def rotated() -> bytes:
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    return encoded("JPEG", exif=exif)


POISON = {
    "image_truncated": [encoded("PNG")[:-400], encoded("JPEG")[:-300]],
    "image_too_many_pixels": [bare_png(60_000, 60_000, 8, 2, b""), bare_png(8_000, 7_000, 8, 2, b"")],
    "image_mode": [
        encoded("JPEG", "CMYK"),
        bare_png(4, 3, 16, 2, (b"\0" + bytes(24)) * 3),
        bare_png(4, 3, 16, 0, (b"\0" + bytes(8)) * 3),
        bare_png(4, 3, 16, 6, (b"\0" + bytes(32)) * 3),
    ],
    "image_exif_rotated": [rotated()],
    "image_extreme_aspect": [
        encode_png(np.zeros((1, 4000, 3), np.uint8)),
        encode_png(np.zeros((4000, 1, 3), np.uint8)),
    ],
    "image_unreadable": [b"", b"not a picture", encoded("GIF"), encoded("TIFF")],
    "image_too_many_bytes": [bytes(MAX_BYTES + 1)],
}


@pytest.mark.parametrize(("reason", "data"), [(reason, d) for reason, kinds in POISON.items() for d in kinds])
def test_poison_is_rejected_with_its_reason(reason: str, data: bytes) -> None:
    """Each bad file is turned away under one stable name, with a message for people."""
    with pytest.raises(RejectedItem) as caught:
        decode_image(data)
    assert caught.value.reason == reason == outcome(check_image, data)
    assert caught.value.message


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "LA"])
def test_every_8_bit_mode_becomes_rgb(mode: str) -> None:
    """Palettes, grey and transparency come out as (H, W, 3) uint8."""
    decoded = decode_image(encoded("PNG", mode))
    assert decoded.shape == PIXELS.shape
    assert decoded.dtype == np.uint8


def test_png_round_trip_is_exact_and_stable() -> None:
    """What is stored is what was drawn, and equal pixels are equal bytes."""
    assert np.array_equal(decode_image(encode_png(PIXELS)), PIXELS)
    assert encode_png(PIXELS) == encode_png(PIXELS.copy())


@given(
    source=st.sampled_from([encoded("PNG"), encoded("JPEG"), encoded("WEBP"), encoded("BMP"), rotated()]),
    edits=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6),
    length=st.integers(0, 4000),
)
def test_damaged_bytes_never_raise_anything_else(
    source: bytes, edits: list[tuple[int, int]], length: int
) -> None:
    """Whatever bytes were flipped or cut off, a picture comes out or a RejectedItem."""
    data = bytearray(source)
    for place, value in edits:
        data[place % len(data)] = value
    found = outcome(decode_image, bytes(data[:length]))
    assert isinstance(found, np.ndarray) or found.startswith("image_")


def outcome(look: Callable[[bytes], Any], data: bytes) -> Any:
    """What came of it, or the reason why nothing did."""
    try:
        return look(data)
    except RejectedItem as rejected:
        return rejected.reason


def jpeg(**options: Any) -> bytes:
    """Of a picture of two hundred rows, so that there is much to break off."""
    buffer = io.BytesIO()
    PillowImage.fromarray(np.tile(PIXELS, (10, 10, 1))).save(buffer, "JPEG", quality=40, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("data", [jpeg(), jpeg(progressive=True), encoded("PNG"), encoded("WEBP")])
def test_a_look_without_pixels_finds_what_decoding_finds(data: bytes) -> None:
    """Cut off at a hundred places: the same size or the same reason, also where a JPEG is drawn small."""
    for length in [*range(0, len(data), max(1, len(data) // 100)), len(data)]:
        found = outcome(decode_image, data[:length])
        expected = found.shape[:2] if isinstance(found, np.ndarray) else found
        assert outcome(check_image, data[:length]) == expected, length
