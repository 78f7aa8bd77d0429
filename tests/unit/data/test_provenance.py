"""What a picture says of itself: there for every reader, and no pixel is touched."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from synres.data.images import decode_image, encode_png
from synres.data.provenance import mark_png, read_provenance, source_type, to_jpeg
from synres.errors import InvalidInput

PIXELS = np.random.default_rng(0).integers(0, 255, (9, 12, 3), dtype=np.uint8)
FACTS = {"run": "abc", "seed": 7, "prompt": "das Häferl"}


def test_a_marked_picture_has_its_pixels_and_its_facts() -> None:
    """Twice the same bytes; other pictures say nothing."""
    png = encode_png(PIXELS)
    marked = mark_png(png, FACTS, source_type("sana"))
    assert (decode_image(marked) == PIXELS).all()
    assert read_provenance(marked) == FACTS
    assert marked == mark_png(png, dict(reversed(FACTS.items())), source_type("sana"))
    assert read_provenance(png) is None


@pytest.mark.parametrize(
    ("backend", "word"),
    [
        ("sana", "trainedAlgorithmicMedia"),
        ("procedural", "algorithmicMedia"),
        ("cutpaste", "compositeCapture"),
    ],
)
def test_the_word_of_the_industry_is_that_of_the_generator(backend: str, word: str) -> None:
    """A network, a renderer and cut-outs of photographs are three kinds of synthetic."""
    marked = mark_png(encode_png(PIXELS), FACTS, source_type(backend))
    with Image.open(io.BytesIO(marked)) as picture:
        assert f"digitalsourcetype/{word}<" in picture.info["XML:com.adobe.xmp"]


def test_a_jpeg_keeps_what_its_png_said() -> None:
    """As a comment, and as XMP."""
    jpeg = to_jpeg(mark_png(encode_png(PIXELS), FACTS, source_type("sana")))
    assert read_provenance(jpeg) == FACTS
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert picture.format == "JPEG" and b"trainedAlgorithmicMedia" in picture.info["xmp"]


def test_other_files_are_refused() -> None:
    """Provenance would be written over what they are."""
    with pytest.raises(InvalidInput, match="PNG"):
        mark_png(b"\xff\xd8\xff", FACTS, "x")
