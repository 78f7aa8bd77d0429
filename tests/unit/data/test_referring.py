"""Rows of a referring dataset as pictures: together, drawn when asked, and refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from synres.data.readers.refcoco import read_refcoco
from synres.data.referring import by_targets, referred_pictures
from synres.data.source import Picture, Refused
from synres.domain.masks import area
from tests.unit.data.readers.layouts import OTHER, SQUARE, annotation, ref, write_refcoco


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three refs of two pictures, the first picture's not beside each other; the third lacks its picture."""
    told = [
        ref(1, 7, 1, "man left", "the man"),
        ref(2, 8, 2, "dogs"),
        ref(3, 9, 1, "the dog"),
        ref(4, 9, 3, "x"),
    ]
    found = [annotation(7, 1, [SQUARE]), annotation(8, 2, [SQUARE, OTHER], 2), annotation(9, 1, [OTHER], 2)]
    folder = write_refcoco(tmp_path, told, found)
    next(tmp_path.rglob("*000000000003.jpg")).unlink()
    return folder


def test_all_expressions_of_a_picture_come_together(folder: Path) -> None:
    """Wherever their refs stand in the file, so that the picture is encoded once."""
    found = [p for p in referred_pictures(read_refcoco(folder)) if isinstance(p, Picture)]
    assert [[known.expression for known in picture.referred] for picture in found] == [
        ["man left", "the man", "the dog"], ["dogs"],
    ]  # fmt: skip
    assert [known.category for known in found[0].referred] == ["person", "person", "dog"]
    assert all(area(known.mask) for picture in found for known in picture.referred)


def test_the_first_expression_of_a_row_alone(folder: Path) -> None:
    """As LISA validates on ReasonSeg."""
    found = [p for p in referred_pictures(read_refcoco(folder), first_only=True) if isinstance(p, Picture)]
    assert [known.expression for known in found[0].referred] == ["man left", "the dog"]


def test_what_cannot_be_read_is_refused_with_its_reason(folder: Path) -> None:
    """A picture that is not there, and problems of the file; the others go on."""
    refused = [p for p in referred_pictures(read_refcoco(folder)) if isinstance(p, Refused)]
    assert [one.reason for one in refused] == ["image_missing"]
    (folder / "instances.json").write_text(
        (folder / "instances.json").read_text().replace("[2.0, 3.0", "[1e9")
    )
    refused = [p for p in referred_pictures(read_refcoco(folder)) if isinstance(p, Refused)]
    assert sorted(one.reason for one in refused) == ["image_missing", "mask_unreadable", "mask_unreadable"]


def test_rows_are_sorted_by_how_many_objects_they_mean(folder: Path) -> None:
    """Unless they have a subset of their own."""
    rows = [row for row in read_refcoco(folder) if not hasattr(row, "reason")]
    assert {by_targets(row) for row in rows} == {"one_target"}
