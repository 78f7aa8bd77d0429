"""One's own pictures: image, mask and text of one name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synres.data.readers.folder import read_folder
from synres.data.rows import Problem, ReferringRow
from synres.domain.masks import area
from synres.errors import NotFound, RejectedItem
from tests.unit.data.readers.layouts import SIZE, write_folder, write_labels, write_picture


def test_lines_of_a_text_name_the_mask_of_its_name(tmp_path: Path) -> None:
    """A picture with one target, and one with two of them in subfolders."""
    rows = [row for row in read_folder(write_folder(tmp_path)) if isinstance(row, ReferringRow)]
    told = [(row.image.name, row.expressions, area(row.mask())) for row in rows]
    assert told == [
        ("a.jpg", ("the cup", "a red cup"), 16),
        ("b.png", ("left one",), 16),
        ("b.png", ("right one",), 0),
    ]


def test_splits_are_folders(tmp_path: Path) -> None:
    """`val/images` and its kin are read as the split val."""
    write_folder(tmp_path / "val")
    assert {row.split for row in read_folder(tmp_path, "val") if isinstance(row, ReferringRow)} == {"val"}
    with pytest.raises(NotFound, match="split test"):
        list(read_folder(tmp_path, "test"))


def test_what_is_missing_is_said_by_name(tmp_path: Path) -> None:
    """No picture, no mask, no text, no words, no UTF-8."""
    folder = write_folder(tmp_path)
    for name in ("c", "d", "e", "f", "g"):
        write_picture(folder / f"images/{name}.jpg")
        write_labels(folder / f"masks/{name}.png", np.ones(SIZE, np.uint8))
        (folder / f"texts/{name}.txt").write_text("thing")
    (folder / "images/c.jpg").unlink()
    (folder / "masks/d.png").unlink()
    (folder / "texts/e.txt").unlink()
    (folder / "texts/f.txt").write_text(" \n\n")
    (folder / "texts/g.txt").write_bytes(b"\xff\xfe")
    found = [(row.reason, row.place.file) for row in read_folder(folder) if isinstance(row, Problem)]
    assert found == [
        ("image_missing", "texts/c.txt"),
        ("mask_missing", "texts/d.txt"),
        ("text_missing", "texts/e.txt"),
        ("empty_expression", "texts/f.txt"),
        ("text_unreadable", "texts/g.txt"),
    ]


def test_a_mask_of_another_size_is_refused_when_drawn(tmp_path: Path) -> None:
    """The row comes, its mask does not."""
    folder = write_folder(tmp_path)
    write_labels(folder / "masks/a.png", np.ones((3, 3), np.uint8))
    row = next(iter(read_folder(folder)))
    assert isinstance(row, ReferringRow)
    with pytest.raises(RejectedItem, match="sizes"):
        row.mask()
