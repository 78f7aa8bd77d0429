"""Label maps of ADE20K, COCO-Stuff and Mapillary: which value is which class."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from synres.data.readers.scenes import read_ade20k, read_cocostuff, read_mapillary
from synres.data.rows import Problem, SemanticRow
from synres.domain.masks import area
from synres.errors import NotFound, RejectedItem
from tests.unit.data.photo import bare_png
from tests.unit.data.readers.layouts import (
    write_ade20k,
    write_cocostuff,
    write_labels,
    write_mapillary,
    write_picture,
)


def regions(rows: Iterable[SemanticRow | Problem]) -> list[tuple[str, int]]:
    (row,) = rows
    assert isinstance(row, SemanticRow) and row.image.is_file() and not row.is_instances
    return [(region.name, area(region.mask.rle())) for region in row.regions.read()]


@pytest.mark.parametrize("names", ["objectInfo150.txt", "ade20k_classes.json"])
def test_ade20k_counts_classes_from_one(tmp_path: Path, names: str) -> None:
    """0 and 255 are nothing, k is the k-th name, from either file of names."""
    folder = write_ade20k(tmp_path, names)
    assert regions(read_ade20k(folder)) == [("wall", 16), ("building", 32)]


def test_cocostuff_counts_from_nought_and_leaves_dashes_out(tmp_path: Path) -> None:
    """Value k is the line after the k-th; names with "-" are nothing; pictures lie in coco/."""
    folder = write_cocostuff(tmp_path)
    assert regions(read_cocostuff(folder)) == [("person", 16), ("dog", 16)]


def test_a_word_in_a_parent_folder_moves_no_picture(tmp_path: Path) -> None:
    """The original replaces "cocostuff" anywhere in the path; here a folder above may be called so."""
    folder = write_cocostuff(tmp_path / "my_cocostuff_disk")
    assert regions(read_cocostuff(folder)) == [("person", 16), ("dog", 16)]


def test_mapillary_unites_values_of_one_name(tmp_path: Path) -> None:
    """Readable names in lower case; two values with the same name are one class."""
    folder = write_mapillary(tmp_path)
    assert regions(read_mapillary(folder)) == [("bird", 32), ("road", 16)]


def test_a_picture_without_label_map_is_a_problem_and_a_broken_map_is_refused(tmp_path: Path) -> None:
    """One is said while reading, the other when the map is opened."""
    folder = write_ade20k(tmp_path, "objectInfo150.txt")
    write_picture(folder / "images/training/ADE_train_2.jpg")
    rows = list(read_ade20k(folder))
    assert isinstance(rows[1], Problem)
    assert (rows[1].reason, rows[1].place.file) == ("mask_missing", "annotations/training/ADE_train_2.png")
    path = folder / "annotations/training/ADE_train_1.png"
    path.write_bytes(path.read_bytes()[:60])
    assert isinstance(rows[0], SemanticRow)
    with pytest.raises(RejectedItem, match="whole PNG"):
        rows[0].regions.read()
    write_labels(path, np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(RejectedItem, match="one channel"):
        rows[0].regions.read()
    path.write_bytes(bare_png(60_000, 60_000, 8, 0, b""))
    with pytest.raises(RejectedItem, match="over 50000000 pixels"):
        rows[0].regions.read()


def test_names_and_folders_that_are_not_there_are_said(tmp_path: Path) -> None:
    """No names of classes, no such split."""
    with pytest.raises(NotFound, match="objectInfo150"):
        list(read_ade20k(tmp_path))
    with pytest.raises(NotFound, match="validation"):
        list(read_ade20k(write_ade20k(tmp_path, "objectInfo150.txt"), "validation"))
