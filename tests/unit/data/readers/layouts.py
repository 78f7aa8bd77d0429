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


def write_grefcoco(root: Path) -> Path:
    """`refer_seg/grefcoco`: two objects, none, one; an annotation in uncompressed run lengths."""
    folder = root / "refer_seg" / "grefcoco"
    runs = {"size": list(SIZE), "counts": [120, 12, 60]}
    write_json(
        folder / "instances.json", instances([1], [annotation(7, 1, [SQUARE]), annotation(8, 1, runs, 2)])
    )
    refs = [
        ref(1, [7, 8], 1, "both", category_id=[1, 2]),
        ref(2, [-1], 1, "the elephant", category_id=[-1], split="val"),
        ref(3, [8], 1, "the dog", category_id=[2], split="val"),
    ]
    write_json(folder / "grefs(unc).json", refs)
    write_picture(root / "refer_seg/images/mscoco/images/train2014" / coco_image(1)["file_name"])
    return folder


def write_wildres(root: Path) -> Path:
    """`wildres`: a picture of each part."""
    folder = root / "wildres"
    file = instances([1, 2], [annotation(7, 1, [SQUARE]), annotation(8, 2, [OTHER])])
    for image, domain in zip(file["images"], ("home", "driving"), strict=True):
        image["file_name"] = f"{domain}/{image['id']}.jpg"
        write_picture(folder / "images" / image["file_name"])
    write_json(folder / "instances.json", file)
    ignored = {"size": list(SIZE), "counts": [120, 12, 60]}
    home = {"split": "val", "subset": "multi_shared", "domain": "home"}
    road = {"split": "test", "subset": "many_attr", "domain": "driving", "ignore": ignored}
    write_json(folder / "grefs(id).json", [ref(1, [7], 1, "cup", **home)])
    write_json(folder / "grefs(ds).json", [ref(1, [8], 2, "car", **road)])
    return folder


def write_labels(path: Path, values: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(values).save(path)


def striped(*values: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Rows of 16 pixels, one for each value and 0 below."""
    labels = np.zeros(SIZE, np.uint8)
    for row, value in enumerate(values):
        labels[row] = value
    return labels


def write_ade20k(root: Path, names: str = "objectInfo150.txt") -> Path:
    """`ade20k` with one training picture: a wall, a building of two rows, and 255."""
    folder = root / "ade20k"
    write_picture(folder / "images/training/ADE_train_1.jpg")
    write_labels(folder / "annotations/training/ADE_train_1.png", striped(1, 2, 2, 255))
    if names.endswith(".json"):
        write_json(root / "utils" / names, ["wall", "building"])
    else:
        rows = [
            "Idx\tRatio\tTrain\tVal\tStuff\tName",
            "1\t0.2\t1\t1\t1\twall",
            "2\t0.1\t1\t1\t1\tbuilding, edifice",
        ]
        (folder / names).write_text("\n".join(rows) + "\n")
    return folder


def write_cocostuff(root: Path) -> Path:
    """`cocostuff` beside `coco`: a person, a wall-other, a dog, unlabelled rows."""
    folder = root / "cocostuff"
    labels = striped(0, 1, 2)
    labels[3:] = 255
    write_labels(folder / "train2017/000000000001.png", labels)
    write_picture(root / "coco/train2017/000000000001.jpg")
    (folder / "labels.txt").write_text("0: unlabeled\n1: person\n2: wall-other\n3: dog\n")
    return folder


def write_mapillary(root: Path) -> Path:
    """`mapillary` with one picture: two values called Bird, one Road, and one beyond the names."""
    folder = root / "mapillary"
    names = ["Bird", "Road", "Bird"]
    write_json(
        folder / "config_v2.0.json", {"labels": [{"readable": name, "name": "x--y"} for name in names]}
    )
    labels = np.full(SIZE, 99, np.uint8)
    labels[:3] = [[0], [1], [2]]
    write_labels(folder / "training/v2.0/labels/a.png", labels)
    write_picture(folder / "training/images/a.jpg")
    return folder


def write_parts(path: Path, images: Path, file_name: str) -> None:
    file = instances([1], [annotation(5, 1, [SQUARE], 1), annotation(6, 1, [OTHER], 2)])
    file["categories"] = [{"id": 1, "name": "trash_can"}, {"id": 2, "name": "trash_can:rim_(of a can)"}]
    file["images"][0]["file_name"] = file_name
    write_json(path, file)
    write_picture(images / file_name)


def write_paco(root: Path) -> Path:
    """`vlpart/paco` with pictures in `coco/`."""
    folder = root / "vlpart/paco"
    write_parts(folder / "annotations/paco_lvis_v1_train.json", root / "coco", "train2017/1.jpg")
    return folder


def write_pascal_part(root: Path) -> Path:
    """`vlpart/pascal_part` with pictures of VOC."""
    folder = root / "vlpart/pascal_part"
    write_parts(folder / "train.json", folder / "VOCdevkit/VOC2010/JPEGImages", "1.jpg")
    return folder


def write_llava(root: Path) -> Path:
    """`llava_dataset` with one conversation, pictures in `coco/train2017`."""
    folder = root / "llava_dataset"
    turns = [{"from": "human", "value": "What?\n<image>"}, {"from": "gpt", "value": "A cup."}]
    row = {"id": "000000000033", "image": "000000000033.jpg", "conversations": turns}
    write_json(folder / "llava_instruct_150k.json", [row])
    write_picture(root / "coco/train2017/000000000033.jpg")
    return folder


def write_folder(folder: Path) -> Path:
    """Own pictures: `a` with one target, `b` with two, of which one is empty."""
    write_picture(folder / "images/a.jpg")
    write_picture(folder / "images/b.png")
    targets = [("a", striped(255), "the cup\n\na red cup\n"), ("b/left", striped(7), "left one")]
    for name, values, text in [*targets, ("b/right", striped(), "right one")]:
        write_labels(folder / f"masks/{name}.png", values)
        (folder / f"texts/{name}.txt").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"texts/{name}.txt").write_text(text)
    return folder


def write_reasonseg(root: Path) -> Path:
    """`reason_seg/ReasonSeg` with a picture in train and one in val."""
    folder = root / "reason_seg/ReasonSeg"
    target = {"label": "target", "points": [[1.9, 1.2], [12, 1], [12, 9], [1, 9]]}
    for split, is_sentence in (("train", False), ("val", True)):
        write_picture(folder / split / "a.jpg")
        file = {"shapes": [target], "text": ["the tool", "what cuts"], "is_sentence": is_sentence}
        write_json(folder / split / "a.json", file)
    return folder
