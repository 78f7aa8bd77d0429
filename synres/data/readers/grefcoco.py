"""gRefCOCO: expressions for one object, several, or none. `grefs(unc).json` (or `.p`), `instances.json`.

https://github.com/henghuiding/gRefCOCO
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from synres.data.readers.places import find_folder
from synres.data.readers.refcoco import COCO_FOLDERS, refs_path
from synres.data.readers.refs import RefFile
from synres.data.rows import Problem, ReferringRow


def read_grefcoco(
    folder: Path, split: str = "", split_by: str = "", images: Path | None = None
) -> Iterator[ReferringRow | Problem]:
    """As `read_refcoco`; a row has as many masks as its expressions name objects, and none for `[-1]`."""
    pictures = images or find_folder(folder, COCO_FOLDERS)
    yield from RefFile(refs_path(folder, split_by, "grefs"), folder / "instances.json", pictures).rows(split)
