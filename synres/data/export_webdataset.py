"""Triplets as WebDataset shards: tar files in which a picture and its annotations follow each other."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from synres.data.export import Exported, Load, annotations_of, by_image, image_name, new_folder
from synres.domain.types import Triplet

IMAGES_PER_SHARD = 1000


def export_webdataset(triplets: Iterable[Triplet], load: Load, folder: Path) -> Exported:
    """`folder/00000.tar` and so on: `KEY.png` with `KEY.json`, which holds lists of equal length.

    Those are `masks` (COCO compressed run lengths), `expressions`, `categories`, `subsets`, `domains`. Raises
    InvalidInput when `folder` already holds something.
    """
    new_folder(folder)
    groups = by_image(triplets)
    for start in range(0, len(groups), IMAGES_PER_SHARD):
        name = f"{start // IMAGES_PER_SHARD:05d}.tar"
        with tarfile.open(folder / name, "w", format=tarfile.USTAR_FORMAT) as shard:
            for group in groups[start : start + IMAGES_PER_SHARD]:
                _add(shard, image_name(group[0].image), load(group[0].image.digest))
                _add(
                    shard,
                    f"{group[0].image.digest}.json",
                    msgspec.json.encode(annotations_of(group), order="sorted"),
                )
    masks = sum(len({triplet.mask for triplet in group}) for group in groups)
    return Exported(folder, len(groups), masks, sum(map(len, groups)))


def _add(shard: tarfile.TarFile, name: str, data: bytes) -> None:
    """Without time, owner or rights of this machine: equal rows are equal bytes."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o644
    shard.addfile(entry, io.BytesIO(data))
