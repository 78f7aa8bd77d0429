"""How long RefCOCO takes to open and to check, and how much memory: `python -m benchmarks.data`.

The dataset is made up, in the size of RefCOCO (unc): 19,994 pictures of 640 x 480, 196,771 annotations with
polygons, 50,000 refs, 142,209 expressions. The pictures are names for forty JPEGs, so that they come from the
cache of the system and not from a disk. Each figure comes from a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.jpegs import jpeg
from synres.data.check import Checker
from synres.data.readers.formats import Options
from synres.data.readers.refcoco import read_refcoco
from synres.data.rows import ReferringRow

IMAGES, ANNOTATIONS, REFS, EXPRESSIONS = 19_994, 196_771, 50_000, 142_209
PICTURES = "images/mscoco/images/train2014"
JPEGS, SIZE = 40, (480, 640)
TASKS = ("imports", "first", "all", "masks", "read", "check")


def write(folder: Path) -> None:
    """`refs(unc).p` (protocol 2), `instances.json` and the pictures."""
    generator = random.Random(0)
    folder.mkdir(parents=True)
    pictures = folder.parent / PICTURES
    pictures.mkdir(parents=True)
    name = "COCO_train2014_{:012d}.jpg".format
    for k in range(IMAGES):
        if k < JPEGS:
            (pictures / name(k)).write_bytes(jpeg(k, SIZE))
        else:
            os.link(pictures / name(k % JPEGS), pictures / name(k))
    images = [{"id": k, "file_name": name(k), "height": SIZE[0], "width": SIZE[1]} for k in range(IMAGES)]
    annotations = [_annotation(k, generator) for k in range(ANNOTATIONS)]
    file = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (folder / "instances.json").write_text(json.dumps(file))
    (folder / "refs(unc).p").write_bytes(pickle.dumps(list(_refs(generator)), 2))


def _annotation(number: int, generator: random.Random) -> dict[str, Any]:
    """A polygon of 10 to 60 corners, two decimals each, as COCO's are."""
    x, y = generator.uniform(0, 500), generator.uniform(0, 350)
    corners = generator.randint(10, 60)
    points = [round(generator.uniform(0, 130) + (y if k % 2 else x), 2) for k in range(2 * corners)]
    return {
        "segmentation": [points], "area": 702.1, "iscrowd": 0, "image_id": number % IMAGES,
        "bbox": [x, y, 130.0, 130.0], "category_id": 1, "id": number,
    }  # fmt: skip


def _refs(generator: random.Random) -> Iterator[dict[str, Any]]:
    words = ["".join(generator.choices("abcdefghijklmnop", k=5)) for _ in range(3_000)]
    said = 0
    for number in range(REFS):
        count = EXPRESSIONS * (number + 1) // REFS - EXPRESSIONS * number // REFS
        sentences = [_sentence(said + k, generator.choices(words, k=4)) for k in range(count)]
        said += count
        yield {
            "sent_ids": [s["sent_id"] for s in sentences], "file_name": f"COCO_train2014_{number}.jpg",
            "ann_id": number, "ref_id": number, "image_id": number % IMAGES, "split": "train",
            "sentences": sentences, "category_id": 1,
        }  # fmt: skip


def _sentence(number: int, words: list[str]) -> dict[str, Any]:
    # the originals hold a string of its own for each word
    return {"tokens": [word[:1] + word[1:] for word in words], "raw": " ".join(words) + " ",
            "sent_id": number, "sent": " ".join(words)}  # fmt: skip


def run(task: str, folder: Path) -> dict[str, float]:
    """Seconds (wall, processor), the most memory that this process ever held, pages of the mapped file among
    it, and what it holds of its own at the end."""
    wall, processor = time.perf_counter(), time.process_time()
    rows = 0
    if task == "check":
        rows = sum(1 for _ in Checker("refcoco", folder, [Options()]).rows())
    elif task == "read":
        rows = sum(1 for path in (folder.parent / PICTURES).iterdir() if path.read_bytes())
    elif task != "imports":
        for row in islice(read_refcoco(folder), {"first": 1, "masks": 2_000}.get(task)):
            rows += 1
            if task == "masks" and isinstance(row, ReferringRow):
                row.mask()
    return {
        "rows": rows, "wall_s": round(time.perf_counter() - wall, 2),
        "processor_s": round(time.process_time() - processor, 2),
        "most_mb": _memory_mb("VmHWM"), "own_mb": _memory_mb("RssAnon"),
    }  # fmt: skip


def _memory_mb(what: str) -> int:
    # what getrusage tells counts the process that this one was forked from
    return int(Path("/proc/self/status").read_text().split(f"{what}:")[1].split()[0]) // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=TASKS)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.task:
        print(json.dumps(run(arguments.task, arguments.folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "refcoco"
        write(folder)
        for path in sorted(folder.iterdir()):
            print(f"{path.name}: {path.stat().st_size / 2**20:.0f} MB")
        for task in TASKS:
            command = [sys.executable, "-m", "benchmarks.data", "--task", task, "--folder", str(folder)]
            print(task, subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


if __name__ == "__main__":
    main()
