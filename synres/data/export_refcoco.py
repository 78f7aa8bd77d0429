"""Triplets as the REFER toolbox lays RefCOCO out, which LISA's training reads too.

`refcoco/instances.json`, `refcoco/refs(unc).p`, `images/mscoco/images/train2014/`. The toolbox reads refs
from a pickle alone; this one holds lists, dicts, text and numbers. https://github.com/lichengunc/refer
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path

from synres.data.export import Exported, Load, by_image, image_name, new_folder
from synres.data.export_coco import Tables, runs_in_json
from synres.domain.types import Triplet

IMAGES = "images/mscoco/images/train2014"


def export_refcoco(triplets: Iterable[Triplet], load: Load, folder: Path, split: str = "train") -> Exported:
    """Below `folder`, under the name of RefCOCO. Masks are run lengths, as the toolbox has them for RefCLEF.

    Raises InvalidInput when `folder` already holds something.
    """
    new_folder(folder)
    (folder / "refcoco").mkdir()
    (folder / IMAGES).mkdir(parents=True)
    tables = Tables(split, lambda mask: [runs_in_json(mask)])
    for group in by_image(triplets):
        image = group[0].image
        (folder / IMAGES / image_name(image)).write_bytes(load(image.digest))
        tables.add_image(image_name(image), group)
    (folder / "refcoco" / "instances.json").write_bytes(tables.annotations_json())
    # protocol 2 is what Python 2 could read, for which the toolbox was written
    (folder / "refcoco" / "refs(unc).p").write_bytes(pickle.dumps(tables.refs, protocol=2))
    return Exported(folder, len(tables.images), len(tables.annotations), tables.sentences)
