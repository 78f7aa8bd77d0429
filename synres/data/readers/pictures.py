"""Any dataset on disk as pictures for the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synres.data.readers.formats import FORMATS, Options, open_dataset
from synres.data.readers.segmentation import overlaps_of
from synres.data.referring import referred_pictures
from synres.data.regions import conversation_pictures, region_pictures
from synres.data.source import Picture, Refused


def dataset_pictures(name: str, folder: Path, options: Options) -> Iterator[Picture | Refused]:
    """Pictures with expressions: those of a referring dataset, names of classes, or first questions.

    Raises as `open_dataset` does.
    """
    # each kind's function takes the rows that its readers yield
    rows: Any = open_dataset(name, folder, options)
    kind = FORMATS[name].kind
    if kind == "referring":
        if options.keeps_faults:
            return referred_pictures(rows, overlaps_of=overlaps_of)
        return referred_pictures(rows)
    return region_pictures(rows) if kind == "semantic" else conversation_pictures(rows)
