"""RefCOCO and its kin, from pickle or JSON: refs joined with lazily drawn masks."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from synres.data.readers.refcoco import read_refcoco
from synres.data.rows import Problem, ReferringRow
from synres.domain.masks import area, decode_mask
from synres.errors import InvalidInput, NotFound, RejectedItem
from tests.unit.data.readers.layouts import (
    OTHER,
    SIZE,
    SQUARE,
    annotation,
    instances,
    ref,
    write_json,
    write_pickle,
    write_refcoco,
)


def rows_of(folder: Path, split: str = "") -> list[ReferringRow]:
    return [row for row in read_refcoco(folder, split) if isinstance(row, ReferringRow)]


def problems_of(folder: Path) -> list[tuple[str, str]]:
    found = [row for row in read_refcoco(folder) if isinstance(row, Problem)]
    return [(problem.reason, str(problem.place)) for problem in found]


def test_a_ref_is_a_row_with_its_expressions_and_mask(tmp_path: Path) -> None:
    """Names, ids, split and the drawn square come out; the picture is found beside the folder."""
    row = rows_of(write_refcoco(tmp_path))[0]
    assert row.expressions == ("man left", "the man")
    assert row.expression_ids == (10, 11)
    assert (row.ref_id, row.image_id, row.annotation_ids, row.split) == (1, 1, (7,), "train")
    assert (row.category, row.size, row.is_no_target) == ("person", SIZE, False)
    assert row.image.is_file()
    drawn = np.zeros(SIZE, np.bool_)
    drawn[3:9, 2:8] = True
    assert np.array_equal(decode_mask(row.mask()), drawn)


def test_parts_are_united_and_no_segmentation_is_an_empty_mask(tmp_path: Path) -> None:
    """Two polygons are one mask, a part given twice counts once, and [] is all background."""
    folder = write_refcoco(tmp_path)
    assert [area(row.mask()) for row in rows_of(folder)] == [36, 52, 0]
    twice = [annotation(7, 1, [SQUARE, SQUARE, OTHER])]
    write_json(folder / "instances.json", instances([1], twice))
    assert area(rows_of(folder)[0].mask()) == 52
    runs = {"counts": [0, 2, SIZE[0] * SIZE[1] - 2], "size": SIZE}
    write_json(folder / "instances.json", instances([1], [annotation(7, 1, [SQUARE, runs])]))
    assert area(rows_of(folder)[0].mask()) == 38


def test_a_record_without_a_segmentation_is_not_looked_for_elsewhere(tmp_path: Path) -> None:
    """Another record holds an empty one: it is not taken for this one's."""
    folder = write_refcoco(tmp_path, [ref(1, 7, 1, "man")])
    bare = {name: value for name, value in annotation(7, 1, []).items() if name != "segmentation"}
    write_json(folder / "instances.json", instances([1], [bare, annotation(8, 1, [])]))
    with pytest.raises(RejectedItem, match="annotation 7 has no segmentation"):
        rows_of(folder)[0].mask()


def test_rows_travel_to_loader_processes(tmp_path: Path) -> None:
    """A row is small, and draws the same mask after it was pickled."""
    row = rows_of(write_refcoco(tmp_path))[1]
    sent = pickle.dumps(row)
    assert len(sent) < 2_000
    assert pickle.loads(sent).mask() == row.mask()  # noqa: S301


def test_one_split_alone(tmp_path: Path) -> None:
    """A split's name chooses its refs."""
    assert [row.ref_id for row in rows_of(write_refcoco(tmp_path), "testA")] == [2]


def test_json_beside_a_pickle_says_the_same(tmp_path: Path) -> None:
    """Refs saved as JSON give equal rows, with lines."""
    folder = write_refcoco(tmp_path)
    pickled = rows_of(folder)
    refs = [json.dumps(r) for r in pickle.loads((folder / "refs(unc).p").read_bytes())]  # noqa: S301
    (folder / "refs(unc).json").write_text("[\n" + ",\n".join(refs) + "\n]")
    again = rows_of(folder)
    assert [row.expressions for row in again] == [row.expressions for row in pickled]
    assert [row.place.line for row in again] == [2, 3, 4]


def test_refclef_has_lists_of_run_lengths(tmp_path: Path) -> None:
    """A list of RLE dicts whose counts are text is one mask."""
    runs = {"size": list(SIZE), "counts": [12, 12, 168]}
    folder = write_refcoco(tmp_path, annotations=[annotation(7, 1, [runs, runs])])
    assert area(rows_of(folder)[0].mask()) == 12


def test_what_does_not_fit_is_said_with_its_place(tmp_path: Path) -> None:
    """Each bad ref and annotation is a problem of its own, and good ones beside it are rows."""
    refs = [
        ref(1, 7, 1, "good"), ref(1, 7, 1, "again"), ref(2, 99, 1, "lost"), ref(3, 7, 50, "nowhere"),
        ref(4, 7, 1, "  ", "fine"), {"ref_id": "five"}, ref(6, 8, 1, "thing"),
    ]  # fmt: skip
    annotations = [annotation(7, 1, [SQUARE]), annotation(7, 1, []), {"id": 3}, annotation(8, 1, [OTHER], 40)]
    folder = write_refcoco(tmp_path, refs, annotations)
    assert problems_of(folder) == [
        ("annotation_id_repeated", "instances.json:1 annotations[1]"),
        ("annotation_invalid", "instances.json:1 annotations[2]"),
        ("ref_id_repeated", "refs(unc).p refs[1]"),
        ("unknown_annotation", "refs(unc).p refs[2]"),
        ("unknown_image", "refs(unc).p refs[3]"),
        ("empty_expression", "refs(unc).p refs[4]"),
        ("ref_invalid", "refs(unc).p refs[5]"),
        ("unknown_category", "refs(unc).p refs[6]"),
    ]
    assert [row.expressions for row in rows_of(folder)] == [("good",), ("fine",)]
    write_json(folder / "refs(unc).json", [None, ref(1, 7, 1, "good")])
    assert ("ref_invalid", "refs(unc).json:1 refs[0]") in problems_of(folder)
    assert [row.expressions for row in rows_of(folder)] == [("good",)]


def test_a_file_name_that_leads_out_is_never_a_path(tmp_path: Path) -> None:
    """`..` in instances.json is a problem, not a file."""
    folder = write_refcoco(tmp_path)
    file = instances([1], [annotation(7, 1, [SQUARE])])
    file["images"][0]["file_name"] = "../../secret.jpg"
    write_json(folder / "instances.json", file)
    assert problems_of(folder)[0][0] == "unsafe_path"


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """No refs, no such division, no COCO file: one sentence each."""
    folder = write_refcoco(tmp_path)
    with pytest.raises(InvalidInput, match="unknown"):
        list(read_refcoco(folder, split_by="us"))
    with pytest.raises(NotFound, match=r"refs\(google\)"):
        list(read_refcoco(folder, split_by="google"))
    (folder / "instances.json").write_text("{")
    with pytest.raises(InvalidInput, match=r"instances\.json is not"):
        list(read_refcoco(folder))
    write_pickle(folder / "refs(unc).p", {"refs": []})
    write_json(folder / "instances.json", instances([], []))
    with pytest.raises(InvalidInput, match="no list"):
        list(read_refcoco(folder))
