"""What both exporters share: triplets gathered by picture, and what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from synres.domain.types import ArtifactRef, Triplet

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
