"""What the exporters share: triplets gathered by picture, annotations of a picture, and what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synres.domain.types import ArtifactRef, Triplet
from synres.errors import InvalidInput

Load = Callable[[str], bytes]
"""Digest of a blob -> its bytes: `Ledger.get_blob`."""
_SUFFIXES = {"image/jpeg": ".jpg", "image/webp": ".webp", "image/bmp": ".bmp"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written where. `masks` are distinct within their picture."""

    path: Path
    images: int
    masks: int
    expressions: int


def by_image(triplets: Iterable[Triplet]) -> list[list[Triplet]]:
    """Triplets of one picture together, pictures in order of first appearance."""
    groups: dict[str, list[Triplet]] = {}
    for triplet in triplets:
        groups.setdefault(triplet.image.digest, []).append(triplet)
    return list(groups.values())


def image_name(image: ArtifactRef) -> str:
    """A file name by content: equal pictures get equal names."""
    return f"{image.digest}{_SUFFIXES.get(image.media_type, '.png')}"


def new_folder(folder: Path) -> None:
    """Makes it; raises InvalidInput when it already holds something."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty; name a new folder")


def annotations_of(group: Sequence[Triplet]) -> dict[str, Any]:
    """`item`, and lists of equal length: masks (COCO compressed run lengths), expressions, and labels."""
    return {
        "item": group[0].item,
        "masks": [{"size": list(t.mask.size), "counts": t.mask.counts} for t in group],
        "expressions": [t.expression for t in group],
        "categories": [t.category for t in group],
        "subsets": [t.subset for t in group],
        "domains": [t.domain for t in group],
    }
