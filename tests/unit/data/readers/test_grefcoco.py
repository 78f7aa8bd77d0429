"""gRefCOCO and WildRES: several targets, none, subsets and domains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synres.data.readers.grefcoco import read_grefcoco
from synres.data.readers.wildres import read_wildres
from synres.data.rows import ReferringRow
from synres.domain.masks import area
from synres.errors import InvalidInput, NotFound
from tests.unit.data.readers.layouts import SIZE, write_grefcoco, write_json, write_pickle, write_wildres


def test_several_objects_and_no_target(tmp_path: Path) -> None:
    """The union of all named objects, uncompressed run lengths too; [-1] is a row without a mask."""
    folder = write_grefcoco(tmp_path)
    rows = [row for row in read_grefcoco(folder) if isinstance(row, ReferringRow)]
    assert [row.annotation_ids for row in rows] == [(7, 8), (), (8,)]
    assert [area(row.mask()) for row in rows] == [36 + 12, 0, 12]
    assert [row.is_no_target for row in rows] == [False, True, False]
    assert [row.category for row in rows] == ["", "", "dog"]
    assert rows[1].mask().size == SIZE


def test_a_pickle_says_what_the_json_says(tmp_path: Path) -> None:
    """`grefs(unc).p` gives the same rows, but for their lines."""
    folder = write_grefcoco(tmp_path)
    before = [row.annotation_ids for row in read_grefcoco(folder, "val") if isinstance(row, ReferringRow)]
    write_pickle(folder / "grefs(unc).p", json.loads((folder / "grefs(unc).json").read_text()))
    (folder / "grefs(unc).json").unlink()
    after = [row.annotation_ids for row in read_grefcoco(folder, "val") if isinstance(row, ReferringRow)]
    assert before == after == [(), (8,)]


def test_wildres_has_parts_subsets_domains_and_ignored_pixels(tmp_path: Path) -> None:
    """Both parts are read unless one is named; a ref's `ignore` is a mask of its own."""
    folder = write_wildres(tmp_path)
    rows = [row for row in read_wildres(folder) if isinstance(row, ReferringRow)]
    assert [(row.subset, row.domain, row.split) for row in rows] == [
        ("multi_shared", "home", "val"),
        ("many_attr", "driving", "test"),
    ]
    assert rows[0].ignore is None and rows[1].ignore is not None
    assert area(rows[1].ignore.rle()) == 12
    assert all(row.image.is_file() for row in rows)
    assert list(read_wildres(folder, "test", "id")) == []


def test_what_is_no_part_or_not_there_is_said(tmp_path: Path) -> None:
    """A part that does not exist, and a folder without refs."""
    with pytest.raises(InvalidInput, match="id or ds"):
        list(read_wildres(tmp_path, part="all"))
    with pytest.raises(NotFound, match="grefs"):
        list(read_wildres(tmp_path))
    write_json(tmp_path / "grefs(id).json", {"refs": 1})
    write_json(tmp_path / "instances.json", {"images": [], "annotations": [], "categories": []})
    with pytest.raises(InvalidInput, match="is not the JSON"):
        list(read_wildres(tmp_path))
