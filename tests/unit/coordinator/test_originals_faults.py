"""What the originals read wrongly, in both positions of the spec's switch, from disk into the ledger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.coordinator.datasets import ingest_datasets, sources
from synres.domain.masks import area, decode_mask
from synres.domain.types import SummedTriplet
from synres.ledger.ledger import Ledger
from synres.spec import Method
from tests.fakes import MemoryStore
from tests.unit.data.readers import layouts

LOWER = [4.0, 5.0, 10.0, 5.0, 10.0, 11.0, 4.0, 11.0]
"""Overlaps `layouts.SQUARE` in 4 x 4 pixels."""


def _triplets(kind: str, folder: Path, faults: str) -> list[SummedTriplet]:
    dataset = {"kind": kind, "folder": str(folder)}
    method = Method.model_validate({"datasets": {"it": dataset}, "faults": faults})
    ledger = Ledger(MemoryStore())
    result = ingest_datasets(ledger, method, lambda name, result: None)["it"].result
    return ledger.get_rows(result.outputs["triplets"], SummedTriplet)


def _overlapping(root: Path) -> Path:
    found = [layouts.annotation(7, 1, [layouts.SQUARE, LOWER])]
    return layouts.write_refcoco(root, [layouts.ref(1, 7, 1, "the man")], found)


def test_parts_that_overlap_count_once_or_as_often_as_they_are(tmp_path: Path) -> None:
    """The mask is the same; an original's sum has a 2 where both polygons lie."""
    folder = _overlapping(tmp_path)
    (mended,), (original,) = (_triplets("refcoco", folder, faults) for faults in ("mended", "original"))
    assert mended.overlaps == () and original.mask == mended.mask
    (twice,) = original.overlaps
    assert area(twice) == 16 and (decode_mask(twice) <= decode_mask(original.mask)).all()


def test_annotations_are_joined_bit_by_bit(tmp_path: Path) -> None:
    """gRefCOCO's targets of several annotations: two that overlap stay 1, as in the originals."""
    folder = layouts.write_grefcoco(tmp_path)
    found = [layouts.annotation(7, 1, [layouts.SQUARE]), layouts.annotation(8, 1, [LOWER])]
    layouts.write_json(folder / "instances.json", layouts.instances([1], found))
    layouts.write_json(folder / "grefs(unc).json", [layouts.ref(1, [7, 8], 1, "both")])
    assert [row.overlaps for row in _triplets("grefcoco", folder, "original")] == [()]


def test_labels_that_share_a_name_are_one_class_or_the_first(tmp_path: Path) -> None:
    """Mapillary's values 0 and 2 are both Bird: together, or each of them the first one's pixels."""
    folder = layouts.write_mapillary(tmp_path)
    mended, original = (_triplets("mapillary", folder, faults) for faults in ("mended", "original"))
    width = layouts.SIZE[1]
    assert [(row.expression, area(row.mask)) for row in mended] == [("bird", 2 * width), ("road", width)]
    assert [(row.expression, area(row.mask)) for row in original] == [
        ("bird", width), ("road", width), ("bird", width),
    ]  # fmt: skip
    assert np.array_equal(decode_mask(original[0].mask), decode_mask(original[2].mask))


@pytest.mark.parametrize("kind", ["refcoco", "mapillary"])
def test_a_dataset_read_wrongly_is_another_one(tmp_path: Path, kind: str) -> None:
    """Its record is not taken for the mended one's, nor the other way round."""
    folder = _overlapping(tmp_path) if kind == "refcoco" else layouts.write_mapillary(tmp_path)
    dataset = {"datasets": {"it": {"kind": kind, "folder": str(folder)}}}
    known = [sources(Method.model_validate(dataset | told)) for told in ({}, {"faults": "mended"})]
    assert known[0] == known[1] != sources(Method.model_validate(dataset | {"faults": "original"}))
