"""ReasonSeg: shapes drawn large to small, ignored pixels beside the target, both encodings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from synres.data.readers.reasonseg import read_reasonseg
from synres.data.rows import Problem, ReferringRow
from synres.domain.masks import decode_mask
from tests.unit.data.readers.layouts import SIZE, write_json, write_picture

LARGE = {"label": "target", "points": [[1.9, 1.2], [12, 1], [12, 9], [1, 9]]}
SMALL = {"label": "Ignore", "points": [[3, 3], [5, 3], [5, 5], [3, 5]]}
FLAG = {"label": "Flag", "points": [[0, 0], [15, 0], [15, 11]]}


def write(folder: Path, name: str, split: str = "val", **changes: Any) -> None:
    write_picture(folder / split / f"{name}.jpg")
    content = {"shapes": [SMALL, FLAG, LARGE], "text": ["the tool ", "what cuts"], "is_sentence": False}
    write_json(folder / split / f"{name}.json", content | changes)


def rows_of(folder: Path, split: str = "") -> list[ReferringRow | Problem]:
    return list(read_reasonseg(folder, split))


def test_small_shapes_lie_on_large_ones_and_flags_are_nothing(tmp_path: Path) -> None:
    """The target is what no smaller ignored shape hides; outlines belong to shapes."""
    write(tmp_path, "a")
    (row,) = rows_of(tmp_path, "val")
    assert isinstance(row, ReferringRow) and row.ignore is not None
    target, ignored = np.zeros(SIZE, np.bool_), np.zeros(SIZE, np.bool_)
    target[1:10, 1:13] = True
    ignored[3:6, 3:6] = True
    assert np.array_equal(decode_mask(row.mask()), target & ~ignored)
    assert np.array_equal(decode_mask(row.ignore.rle()), ignored)
    assert row.expressions == ("the tool", "what cuts")
    assert (row.size, row.split, row.subset, row.explanation) == (SIZE, "val", "short", None)


def test_sentences_explanations_and_the_old_encoding(tmp_path: Path) -> None:
    """`is_sentence` makes the subset "long"; cp1252 is read; an explanation finds its picture."""
    write(tmp_path, "b", "train", is_sentence=True, text=["where is the café?"], shapes=[LARGE])
    text = json.dumps(
        {"shapes": [LARGE], "text": ["where is the café?"], "is_sentence": True}, ensure_ascii=False
    )
    (tmp_path / "train/b.json").write_bytes(text.encode("cp1252"))
    write_json(tmp_path / "explanatory/train.json", [{"image": "b.jpg", "query": "why?", "outputs": "so."}])
    (row,) = rows_of(tmp_path)
    assert isinstance(row, ReferringRow)
    assert (row.expressions, row.subset, row.is_sentence) == (("where is the café?",), "long", True)
    assert (row.explanation, row.ignore) == (("why?", "so."), None)


def test_a_picture_without_target_shapes_has_no_target(tmp_path: Path) -> None:
    """Only ignored shapes: a row without target, whose mask is empty."""
    write(tmp_path, "c", shapes=[SMALL])
    (row,) = rows_of(tmp_path)
    assert isinstance(row, ReferringRow) and row.is_no_target
    assert not decode_mask(row.mask()).any()


def test_what_is_missing_or_broken_is_a_problem(tmp_path: Path) -> None:
    """A picture without annotation, an annotation without picture, bad JSON and no words, each by file."""
    write(tmp_path, "a", text=[" "])
    write(tmp_path, "b", shapes=[{"label": "target"}])
    write_picture(tmp_path / "val/c.jpg")
    write(tmp_path, "d")
    (tmp_path / "val/d.jpg").unlink()
    found = [(row.reason, str(row.place)) for row in rows_of(tmp_path) if isinstance(row, Problem)]
    assert found == [
        ("empty_expression", "val/a.json"),
        ("annotation_invalid", "val/b.json"),
        ("annotation_missing", "val/c.json"),
        ("image_missing", "val/d.json"),
    ]
