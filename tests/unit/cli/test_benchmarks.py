"""Benchmarks by name: each layout in miniature comes into the ledger, and wrong names are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.cli.benchmarks import put_benchmark
from synres.domain.masks import area, encode_mask
from synres.domain.types import OpenTriplet
from synres.errors import InvalidInput, NotFound
from synres.ledger.ledger import Ledger
from tests.fakes import MemoryStore
from tests.unit.data.readers.layouts import (
    OTHER,
    SIZE,
    SQUARE,
    annotation,
    instances,
    ref,
    write_json,
    write_pickle,
    write_picture,
    write_refcoco,
)


def _rows(root: Path, name: str) -> list[OpenTriplet]:
    ledger = Ledger(MemoryStore())
    benchmark = put_benchmark(ledger, name, root)
    rows = ledger.get_rows(benchmark.rows, OpenTriplet)
    assert benchmark.expressions == len(rows)
    return rows


def _write_grefs(folder: Path, name: str, refs: list[dict[str, object]]) -> None:
    write_json(folder / name, refs)
    found = [annotation(7, 1, [SQUARE]), annotation(8, 1, [OTHER], 2)]
    write_json(folder / "instances.json", instances([1], found))


@pytest.mark.parametrize("name", ["refcoco", "refcoco+", "refcocog", "refclef"])
def test_the_four_of_the_refer_toolbox(tmp_path: Path, name: str) -> None:
    """By the splits of their own, wherever LISA's training or its validation looks for them."""
    split = "test" if name == "refcocog" else "testA"
    told = [ref(1, 7, 1, "man left", "the man", split=split), ref(2, 8, 2, "dogs", split="train")]
    folder = write_refcoco(tmp_path, told)
    folder.rename(folder.parent / name)
    if name == "refclef":
        pictures = tmp_path / "refer_seg/images/mscoco/images/train2014"
        pictures.rename(tmp_path / "refer_seg/images/saiapr_tc-12")
    rows = _rows(tmp_path, f"{name}/{split}")
    assert [row.expression for row in rows] == ["man left", "the man"]
    assert _rows(tmp_path / "refer_seg", f"{name}/{split}") == rows


def test_grefcoco_by_how_many_are_meant(tmp_path: Path) -> None:
    """One, several, or none: then the mask is empty."""
    folder = tmp_path / "refer_seg" / "grefcoco"
    _write_grefs(folder, "grefs(unc).json", [
        ref(1, [7], 1, "the man", split="val"), ref(2, [7, 8], 1, "both", split="val"),
        ref(3, [-1], 1, "a cat", split="val"),
    ])  # fmt: skip
    write_picture(tmp_path / "refer_seg/images/mscoco/images/train2014/COCO_train2014_000000000001.jpg")
    rows = _rows(tmp_path, "grefcoco/val")
    assert [row.subset for row in rows] == ["one_target", "multi_target", "no_target"]
    assert [area(row.mask) > 0 for row in rows] == [True, True, False]


def test_reasonseg_short_and_long_with_its_open_pixels(tmp_path: Path) -> None:
    """The first text alone, as LISA validates; what is labelled "ignore" stays beside the target."""
    folder = tmp_path / "reason_seg" / "ReasonSeg" / "val"
    shapes = [{"label": "target", "points": [[1, 1], [6, 1], [6, 6], [1, 6]]},
              {"label": "ignore", "points": [[9, 1], [12, 1], [12, 6], [9, 6]]}]  # fmt: skip
    for name, is_sentence in (("a", False), ("b", True)):
        write_picture(folder / f"{name}.jpg")
        write_json(
            folder / f"{name}.json", {"shapes": shapes, "text": ["one", "two"], "is_sentence": is_sentence}
        )
    rows = _rows(tmp_path, "reasonseg/val")
    assert [(row.expression, row.subset) for row in rows] == [("one", "short"), ("one", "long")]
    assert all(row.ignore is not None and area(row.ignore) for row in rows)


def test_wildres_by_part_subset_and_domain(tmp_path: Path) -> None:
    """In-domain and domain shift are two benchmarks."""
    open_pixels = encode_mask(np.ones(SIZE, np.bool_))
    left_open = {"size": list(open_pixels.size), "counts": open_pixels.counts}
    one = ref(1, [7, 8], 1, "the living", split="val", subset="multi_shared", domain="road", ignore=left_open)
    _write_grefs(tmp_path / "wildres", "grefs(ds).json", [one])
    write_json(tmp_path / "wildres" / "grefs(id).json", [ref(2, [7], 1, "the man", split="val")])
    write_picture(tmp_path / "wildres/images/COCO_train2014_000000000001.jpg")
    (row,) = _rows(tmp_path, "wildres-ds/val")
    assert (row.expression, row.subset, row.domain, row.ignore) == (
        "the living",
        "multi_shared",
        "road",
        open_pixels,
    )
    assert [row.expression for row in _rows(tmp_path, "wildres-id/val")] == ["the man"]


def test_the_micro_world_by_split_and_scenes() -> None:
    """Two scenes of each subset, by day and shifted."""
    rows = _rows(Path("nowhere"), "microworld/dev/2")
    assert {row.subset for row in rows} == {"MT", "MA"} and len(rows) == 12


def test_what_is_refused_is_counted(tmp_path: Path) -> None:
    """A lost picture leaves its expressions out, and the benchmark says so."""
    told = [ref(1, 7, 1, "man left", split="val"), ref(2, 8, 2, "dogs", split="val")]
    write_refcoco(tmp_path, told)
    next(tmp_path.rglob("*000000000002.jpg")).unlink()
    benchmark = put_benchmark(Ledger(MemoryStore()), "refcoco/val", tmp_path)
    assert (benchmark.expressions, dict(benchmark.refused)) == (1, {"image_missing": 1})


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("refcoc/val", NotFound, "did you mean 'refcoco'"),
        ("refcoco", InvalidInput, "val, testA, testB"),
        ("refcocog/testA", InvalidInput, "val, test"),
        ("refcoco/val", NotFound, "refer_seg/refcoco"),
        ("microworld/train", InvalidInput, "validation, dev, test"),
        ("microworld/dev/0", InvalidInput, "microworld/SPLIT/SCENES"),
    ],
)
def test_wrong_names_are_told(tmp_path: Path, name: str, error: type[Exception], told: str) -> None:
    """With the right ones, or where the folder is looked for."""
    with pytest.raises(error, match=told):
        put_benchmark(Ledger(MemoryStore()), name, tmp_path)


def test_a_split_of_nothing_is_told(tmp_path: Path) -> None:
    """An evaluation of no expression would have no number."""
    folder = write_refcoco(tmp_path)
    write_pickle(folder / "refs(unc).p", [ref(1, 7, 1, "man", split="train")])
    with pytest.raises(InvalidInput, match="nothing to ask for"):
        put_benchmark(Ledger(MemoryStore()), "refcoco/val", tmp_path)
