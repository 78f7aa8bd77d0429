"""Triplets leave the ledger as COCO and as Parquet, and come back the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from synres.data.coco import read_coco
from synres.data.export import Exported
from synres.data.export_coco import export_coco
from synres.data.export_parquet import export_parquet
from synres.data.images import decode_image, encode_png
from synres.data.source import Picture
from synres.domain.digests import digest_bytes
from synres.domain.masks import area, box, encode_mask
from synres.domain.types import ArtifactRef, Rle, Triplet
from synres.errors import InvalidInput
from tests.unit.data.photo import block

IMAGES = [encode_png(np.full((20, 30, 3), value, np.uint8)) for value in (10, 200)]
BLOBS = {digest_bytes(data): data for data in IMAGES}
REFS = [ArtifactRef(digest, len(data), "image/png") for digest, data in BLOBS.items()]
LEFT, RIGHT = (encode_mask(block(5, left, 8, 7, (20, 30))) for left in (2, 18))


def triplet(image: int, mask: Rle, expression: str, category: str = "cup") -> Triplet:
    return Triplet(f"item {image}", REFS[image], mask, expression, category, "many", "table")


TRIPLETS = [
    triplet(0, LEFT, "the left cup"),
    triplet(1, RIGHT, "das Häferl", "mug"),
    triplet(0, RIGHT, "the right cup"),
    triplet(0, LEFT, "The cup, not the right one"),
]


def test_coco_comes_back_through_the_reader(tmp_path: Path) -> None:
    """Pictures, categories and masks, bit for bit; two expressions of one mask share an annotation."""
    done = export_coco(TRIPLETS, BLOBS.__getitem__, tmp_path / "out", split="val")
    assert done == Exported(tmp_path / "out", images=2, masks=3, expressions=4)
    rows = list(read_coco(tmp_path / "out", tmp_path / "out" / "annotations.json"))
    pictures = [row for row in rows if isinstance(row, Picture)]
    assert pictures == rows
    assert [picture.image for picture in pictures] == IMAGES
    assert [[(o.category, o.mask) for o in p.objects] for p in pictures] == [
        [("cup", LEFT), ("cup", RIGHT)],
        [("mug", RIGHT)],
    ]


def test_coco_numbers_agree(tmp_path: Path) -> None:
    """Ids, boxes, areas and references fit together as RefCOCO's loaders expect."""
    export_coco(TRIPLETS, BLOBS.__getitem__, tmp_path, split="val")
    coco = json.loads((tmp_path / "annotations.json").read_bytes())
    refs = json.loads((tmp_path / "refs.json").read_bytes())
    annotations = {row["id"]: row for row in coco["annotations"]}
    images = {row["id"]: row for row in coco["images"]}
    assert {row["area"] for row in annotations.values()} == {area(LEFT)}
    assert {tuple(row["bbox"]) for row in annotations.values()} == {box(LEFT), box(RIGHT)}
    sentences = [sentence for ref in refs for sentence in ref["sentences"]]
    assert [ref["sent_ids"] for ref in refs] == [[1, 2], [3], [4]]
    assert [sentence["raw"] for sentence in sentences] == [TRIPLETS[i].expression for i in (0, 3, 2, 1)]
    assert sentences[1]["tokens"] == ["the", "cup,", "not", "the", "right", "one"]
    for ref in refs:
        assert annotations[ref["ann_id"]]["image_id"] == ref["image_id"]
        assert annotations[ref["ann_id"]]["category_id"] == ref["category_id"]
        assert images[ref["image_id"]]["file_name"] == ref["file_name"]
        assert (ref["split"], ref["subset"], ref["domain"]) == ("val", "many", "table")


def test_parquet_comes_back(tmp_path: Path) -> None:
    """One row a picture, lists of equal length, and the metadata that makes `datasets` decode pictures."""
    from pyarrow import parquet

    done = export_parquet(TRIPLETS, BLOBS.__getitem__, tmp_path / "new" / "out.parquet")
    assert done == Exported(tmp_path / "new" / "out.parquet", images=2, masks=3, expressions=4)
    table = parquet.read_table(done.path)
    rows = table.to_pylist()
    assert [row["image"]["bytes"] for row in rows] == IMAGES
    assert decode_image(rows[0]["image"]["bytes"]).shape == (20, 30, 3)
    assert rows[0]["expressions"] == ["the left cup", "the right cup", "The cup, not the right one"]
    assert [Rle(tuple(m["size"]), m["counts"]) for m in rows[0]["masks"]] == [LEFT, RIGHT, LEFT]
    assert rows[1]["categories"] == ["mug"]
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert list(features) == table.schema.names


def test_equal_triplets_export_to_equal_bytes(tmp_path: Path) -> None:
    """Nothing of clock or folder gets into the files."""
    for name in ("a", "b"):
        export_coco(TRIPLETS, BLOBS.__getitem__, tmp_path / name / "coco")
        export_parquet(TRIPLETS, BLOBS.__getitem__, tmp_path / name / "x.parquet")
    for file in ("coco/annotations.json", "coco/refs.json", "x.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A folder with something in it and a file that exists are refused by name."""
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InvalidInput, match="is not empty"):
        export_coco(TRIPLETS, BLOBS.__getitem__, tmp_path)
    with pytest.raises(InvalidInput, match=r"mine\.txt exists"):
        export_parquet(TRIPLETS, BLOBS.__getitem__, tmp_path / "mine.txt")


def test_no_triplets_are_an_empty_set(tmp_path: Path) -> None:
    """A run that kept nothing exports nought, and says so."""
    assert export_coco([], BLOBS.__getitem__, tmp_path / "out").expressions == 0
    assert export_parquet([], BLOBS.__getitem__, tmp_path / "x.parquet").images == 0
