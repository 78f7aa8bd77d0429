"""Datasets in miniature, to the byte format of the originals."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image as PillowImage

SIZE = (12, 16)
"""(height, width) of every picture."""
SQUARE = [2.0, 3.0, 8.0, 3.0, 8.0, 9.0, 2.0, 9.0]
OTHER = [10.0, 1.0, 14.0, 1.0, 14.0, 5.0, 10.0, 5.0]


def write_picture(path: Path, size: tuple[int, int] = SIZE, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(np.full((*size, 3), 90, np.uint8)).save(path, **options)


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def coco_image(number: int) -> dict[str, Any]:
    name = f"COCO_train2014_{number:012d}.jpg"
    return {"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1], "license": 1}


def annotation(number: int, image: int, segmentation: Any, category: int = 1) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": category, "segmentation": segmentation,
            "iscrowd": 0, "area": 36.0, "bbox": [2.0, 3.0, 6.0, 6.0]}  # fmt: skip


def instances(images: list[int], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    names = [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}]
    rows = [coco_image(number) for number in images]
    return {"info": {}, "licenses": [], "images": rows, "annotations": annotations, "categories": names}


def sentence(number: int, text: str) -> dict[str, Any]:
    return {"sent_id": number, "raw": text.upper(), "sent": text, "tokens": text.split()}


def ref(number: int, annotation_id: Any, image: int, *said: str, **changes: Any) -> dict[str, Any]:
    sentences = [sentence(10 * number + k, text) for k, text in enumerate(said)]
    return {
        "ref_id": number, "ann_id": annotation_id, "image_id": image, "category_id": 1, "split": "train",
        "file_name": f"COCO_train2014_{image:012d}_{number}.jpg", "sentences": sentences,
        "sent_ids": [s["sent_id"] for s in sentences],
    } | changes  # fmt: skip


class Python2Pickler(pickle._Pickler):  # type: ignore[name-defined,misc]
    """Protocol 2 with text as Python 2 wrote it: SHORT_BINSTRING and BINSTRING."""

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_str(self, text: str) -> None:
        data = text.encode()
        short = len(data) < 256
        self.write(
            b"U" + bytes([len(data)]) + data if short else b"T" + len(data).to_bytes(4, "little") + data
        )
        self.memoize(text)

    dispatch[str] = save_str


def write_pickle(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        Python2Pickler(file, 2).dump(value)


def write_refcoco(root: Path, refs: list[Any] | None = None, annotations: list[Any] | None = None) -> Path:
    """`refer_seg/refcoco` with three pictures; the folder of the annotations."""
    folder = root / "refer_seg" / "refcoco"
    found = [annotation(7, 1, [SQUARE]), annotation(8, 2, [SQUARE, OTHER], 2), annotation(9, 3, [])]
    write_json(folder / "instances.json", instances([1, 2, 3], found if annotations is None else annotations))
    told = [ref(1, 7, 1, "man left", "the man"), ref(2, 8, 2, "dogs", split="testA"), ref(3, 9, 3, "nobody")]
    write_pickle(folder / "refs(unc).p", told if refs is None else refs)
    for number in (1, 2, 3):
        name = coco_image(number)["file_name"]
        write_picture(root / "refer_seg/images/mscoco/images/train2014" / name)
    return folder
