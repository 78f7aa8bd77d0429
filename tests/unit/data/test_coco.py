"""The COCO reader: good rows come through, bad rows are refused with a reason, a bad file is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synres.data.coco import read_coco
from synres.data.images import encode_png
from synres.data.source import Picture, Refused
from synres.domain.masks import decode_mask, encode_mask
from synres.errors import InvalidInput, NotFound

SIZE = (12, 16)
SQUARE = [2.0, 3.0, 8.0, 3.0, 8.0, 9.0, 2.0, 9.0]
IMAGE = {"id": 1, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}


def annotation(**changes: Any) -> dict[str, Any]:
    return {"id": 5, "image_id": 1, "category_id": 3, "segmentation": [SQUARE], "iscrowd": 0} | changes


def read(folder: Path, annotations: list[Any], images: list[Any] | None = None) -> list[Picture | Refused]:
    (folder / "a.png").write_bytes(encode_png(np.zeros((*SIZE, 3), np.uint8)))
    content = {"images": [IMAGE] if images is None else images, "annotations": annotations}
    (folder / "coco.json").write_text(json.dumps(content | {"categories": [{"id": 3, "name": "cup"}]}))
    return list(read_coco(folder, folder / "coco.json", "kitchen"))


def reasons(rows: list[Picture | Refused]) -> list[str]:
    return [row.reason for row in rows if isinstance(row, Refused)]


def mask() -> np.ndarray[Any, np.dtype[np.bool_]]:
    drawn = np.zeros(SIZE, np.bool_)
    drawn[3:9, 2:8] = True
    return drawn


def test_polygons_and_both_kinds_of_runs_give_one_mask(tmp_path: Path) -> None:
    """Polygons, compressed counts, a list of counts and refclef's list of run lengths agree."""
    compressed = {"size": list(SIZE), "counts": encode_mask(mask()).counts}
    flat = mask().ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = {"size": list(SIZE), "counts": np.diff([0, *edges, flat.size]).tolist()}
    kinds = [[SQUARE], compressed, runs, [compressed]]
    rows = read(tmp_path, [annotation(id=i, segmentation=kind) for i, kind in enumerate(kinds)])
    assert isinstance(rows[0], Picture)
    assert [o.category for o in rows[0].objects] == ["cup"] * 4
    assert all(np.array_equal(decode_mask(o.mask), mask()) for o in rows[0].objects)
    assert rows[0].domain == "kitchen"


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("crowd", {"iscrowd": 1, "segmentation": {"size": list(SIZE), "counts": [SIZE[0] * SIZE[1]]}}),
        ("unknown_category", {"category_id": 4}),
        ("unknown_image", {"image_id": 2}),
        ("annotation_invalid", {"segmentation": "everything"}),
        ("annotation_invalid", {"image_id": None}),
        ("mask_unreadable", {"segmentation": {"size": list(SIZE), "counts": "!!"}}),
        ("mask_unreadable", {"segmentation": [[1e9, 0.0, 0.0, 1.0, 1.0, 1.0]]}),
        ("mask_unreadable", {"segmentation": {"size": list(SIZE), "counts": [1, 2]}}),
        ("mask_size_mismatch", {"segmentation": [
            {"size": list(SIZE), "counts": [192]}, {"size": [2, 2], "counts": [4]}
        ]}),
    ],
)  # fmt: skip
def test_one_bad_annotation_is_one_refusal(tmp_path: Path, reason: str, changes: dict[str, Any]) -> None:
    """The bad row says why, and the good row beside it still becomes an object."""
    rows = read(tmp_path, [annotation(**changes), annotation(id=6)])
    assert reasons(rows) == [reason]
    assert [len(row.objects) for row in rows if isinstance(row, Picture)] == [1]


@pytest.mark.parametrize("row", [None, 7, "x", [], {}, {"id": 1}])
def test_rows_that_are_no_rows_are_refused(tmp_path: Path, row: Any) -> None:
    """Any JSON value in the place of an annotation or an image is a refusal."""
    assert reasons(read(tmp_path, [row], [IMAGE, row])) == ["annotation_invalid", "image_invalid"]


@pytest.mark.parametrize("name", ["/etc/hostname", "../outside.png", "sub/../../outside.png", "link.png"])
def test_unsafe_names_are_refused_and_never_opened(tmp_path: Path, name: str) -> None:
    """Nothing outside the folder is read: not by an absolute name, not by `..`, not by a link."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    (tmp_path / "outside.png").write_bytes(encode_png(np.zeros((*SIZE, 3), np.uint8)))
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    rows = read(folder, [annotation()], [IMAGE | {"file_name": name}])
    assert reasons(rows) == ["unsafe_path"]
    assert not any(isinstance(row, Picture) for row in rows)


def test_a_missing_picture_and_a_folder_are_refused(tmp_path: Path) -> None:
    """What is not a file is missing, and the other pictures go on."""
    (tmp_path / "b.png").mkdir()
    rows = read(
        tmp_path, [], [IMAGE | {"id": i, "file_name": n} for i, n in enumerate(["no.png", "b.png", "a.png"])]
    )
    assert reasons(rows) == ["image_missing", "image_missing"]
    assert isinstance(rows[-1], Picture)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"images": []}', '{"images": 1, "annotations": [], "categories": []}', "\udcff"]
)
def test_a_file_that_is_not_coco_is_said(tmp_path: Path, text: str) -> None:
    """One sentence names the file and what it should hold."""
    path = tmp_path / "bad.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidInput, match=r"bad\.json is no COCO file"):
        list(read_coco(tmp_path, path))


def test_a_missing_annotation_file_is_said(tmp_path: Path) -> None:
    """The user learns which file is not there."""
    with pytest.raises(NotFound, match=r"none\.json"):
        list(read_coco(tmp_path, tmp_path / "none.json"))


def test_a_second_picture_of_one_id_is_refused(tmp_path: Path) -> None:
    """It would be a picture without objects: which of the two the annotations mean, nobody knows."""
    (tmp_path / "b.png").write_bytes(encode_png(np.ones((*SIZE, 3), np.uint8)))
    rows = read(tmp_path, [annotation()], [IMAGE, IMAGE | {"file_name": "b.png"}])
    assert [row.name for row in rows if isinstance(row, Picture)] == ["a.png"]
    refused = rows[-1]
    assert isinstance(refused, Refused)
    assert refused.reason == "image_id_repeated"
    assert "b.png" in refused.message
