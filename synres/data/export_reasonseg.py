"""Triplets as ReasonSeg has them, in LISA's layout: `ReasonSeg/<split>/NAME.jpg` with shapes in `NAME.json`.

A picture has one target there, so a picture with several masks is written once for each. Masks are
rectangles, in which LISA's drawing (corners as whole pixels, outline and inside) gives every pixel back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from synres.data.export import Exported, Load, by_image, new_folder
from synres.data.readers.reasonseg import EXPLANATIONS
from synres.domain.masks import Mask, decode_mask
from synres.domain.types import Triplet

Box = tuple[int, int, int, int]
"""First and last column, first and last row."""


def export_reasonseg(triplets: Iterable[Triplet], load: Load, folder: Path, split: str = "train") -> Exported:
    """Below `folder`; `load` gives JPEGs. Raises InvalidInput when `folder` already holds something."""
    new_folder(folder)
    place = folder / "ReasonSeg" / split
    place.mkdir(parents=True)
    # LISA's loader opens it whatever is trained, and takes an empty list for no explanations
    (place.parent / "explanatory").mkdir()
    (place.parent / EXPLANATIONS).write_bytes(b"[]")
    images = masks = expressions = 0
    for group in by_image(triplets):
        images += 1
        picture = load(group[0].image.digest)
        for index, mask in enumerate(dict.fromkeys(triplet.mask for triplet in group)):
            said = [triplet.expression for triplet in group if triplet.mask == mask]
            stem = place / f"{group[0].image.digest[:16]}_{index}"
            stem.with_suffix(".jpg").write_bytes(picture)
            stem.with_suffix(".json").write_bytes(msgspec.json.encode(_file(decode_mask(mask), said)))
            masks, expressions = masks + 1, expressions + len(said)
    return Exported(folder, images, masks, expressions)


def _file(mask: Mask, said: Sequence[str]) -> dict[str, Any]:
    shapes = [
        {"label": "target", "points": [[left, top], [right, top], [right, bottom], [left, bottom]]}
        for left, right, top, bottom in boxes(mask)
    ]
    return {"shapes": shapes, "text": list(said), "is_sentence": False}


def boxes(mask: Mask) -> Iterator[Box]:
    """Rectangles that make the mask up, none on another: runs that are equal in rows below each other."""
    open_since: dict[tuple[int, int], int] = {}
    for row, line in enumerate(np.pad(mask, ((0, 1), (1, 1))).astype(np.int8)):
        edges = np.diff(line)
        starts, ends = np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()
        runs = {(left, end - 1) for left, end in zip(starts, ends, strict=True)}
        for left, right in sorted(set(open_since) - runs):
            yield left, right, open_since.pop((left, right)), row - 1
        open_since |= {run: row for run in runs if run not in open_since}
