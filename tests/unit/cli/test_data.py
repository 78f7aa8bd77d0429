"""`synres data check`: formats are recognised, every problem has its place, and a cleaned copy has none."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image as PillowImage
from typer.testing import CliRunner

from services.cli.data import register
from synres.errors import NotFound
from tests.unit.data.readers import layouts
from tests.unit.data.readers.layouts import OTHER, SIZE, SQUARE, annotation, ref

app = typer.Typer()
register(app)

WRITERS: dict[str, Callable[[Path], Path]] = {
    "refcoco": lambda root: layouts.write_refcoco(root, [ref(1, 7, 1, "man")], [annotation(7, 1, [SQUARE])]),
    "grefcoco": layouts.write_grefcoco,
    "reasonseg": layouts.write_reasonseg,
    "wildres": layouts.write_wildres,
    "ade20k": layouts.write_ade20k,
    "cocostuff": layouts.write_cocostuff,
    "mapillary": layouts.write_mapillary,
    "paco": layouts.write_paco,
    "pascal_part": layouts.write_pascal_part,
    "llava": layouts.write_llava,
    "folder": layouts.write_folder,
}


def check(*words: str | Path, code: int = 0) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, ["data", "check", *map(str, words), "--json"])
    assert result.exit_code == code, (result.output, result.exception)
    datasets: list[dict[str, Any]] = json.loads(result.stdout)["datasets"]
    return datasets


def told(dataset: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    return [(p["reason"], f"{p['file']} {p['record']}".strip(), p["line"]) for p in dataset["problems"]]


def tree(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_is_recognised_and_a_copy_of_it_is_sound(tmp_path: Path, kind: str) -> None:
    """From the root alone: the format's name, no problem; the copy reads as the original does."""
    if kind == "mapillary":
        WRITERS[kind](tmp_path / "in")
        layouts.write_labels(tmp_path / "in/mapillary/training/v2.0/labels/a.png", layouts.striped(1, 2))
    else:
        WRITERS[kind](tmp_path / "in")
    before = tree(tmp_path / "in")
    (found,) = check(tmp_path / "in", "--fix", tmp_path / "out")
    assert (found["format"], found["problems"]) == (kind, [])
    assert found["counts"]["rows"] >= 1
    (again,) = check(tmp_path / "out")
    assert again["counts"] == found["counts"] and again["problems"] == []
    assert tree(tmp_path / "in") == before


def bomb() -> bytes:
    """A PNG whose header claims 60000 x 60000 pixels."""
    chunk = lambda kind, data: (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    )
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def encoded(mode: str, kind: str, size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    buffer = io.BytesIO()
    PillowImage.new(mode, size[::-1]).save(buffer, kind, **options)
    return buffer.getvalue()


def rotated() -> bytes:
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    return encoded("RGB", "JPEG", exif=exif)


PICTURES = {
    "image_exif_rotated": rotated(),
    "image_mode": encoded("CMYK", "JPEG"),
    "image_truncated": encoded("RGB", "PNG")[:50],
    "image_unreadable": b"no picture",
    "image_too_many_pixels": bomb(),
    "mask_size_mismatch": encoded("RGB", "JPEG", (5, 5)),
}


@pytest.mark.parametrize("reason", [*PICTURES, "image_missing", "16-bit"])
def test_a_bad_picture_is_told_and_not_copied(tmp_path: Path, reason: str) -> None:
    """Rotation, CMYK, 16 bits, a cut file, no picture, a bomb, another size, no file: each has its name."""
    folder = layouts.write_refcoco(tmp_path / "in", None, GOOD)
    picture = tmp_path / "in/refer_seg/images/mscoco/images/train2014/COCO_train2014_000000000002.jpg"
    picture.unlink()
    if reason == "16-bit":
        picture.write_bytes(encoded("I;16", "PNG"))
    elif reason in PICTURES:
        picture.write_bytes(PICTURES[reason])
    (found,) = check(folder, "--fix", tmp_path / "out", code=2)
    expected = "image_mode" if reason == "16-bit" else reason
    assert told(found) == [(expected, "refs(unc).p refs[1]", None)]
    (clean,) = check(tmp_path / "out")
    assert (clean["counts"]["rows"], clean["problems"]) == (2, [])
    line = json.loads((tmp_path / "out/problems.jsonl").read_text())
    assert (line["reason"], line["record"]) == (expected, "refs[1]")


GOOD = [annotation(7, 1, [SQUARE]), annotation(8, 2, [SQUARE, OTHER], 2), annotation(9, 3, [OTHER])]


def test_every_bad_record_is_told_with_its_line(tmp_path: Path) -> None:
    """Short polygons, empty masks and words, unknown categories, repeated ids; the copy keeps what it can."""
    folder = layouts.write_refcoco(tmp_path / "in")
    rows = [
        annotation(7, 1, [SQUARE, [1.0, 1.0, 2.0, 2.0]]), annotation(8, 2, []), annotation(8, 2, [SQUARE]),
        annotation(9, 3, {"size": [3, 3], "counts": [4, 5]}), annotation(10, 3, [SQUARE], 77),
        annotation(11, 3, [OTHER]),
    ]  # fmt: skip
    file = layouts.instances([1, 2, 3], [])
    text = json.dumps(file).replace('"annotations": []', '"annotations": [\n%s\n]')
    (folder / "instances.json").write_text(text % ",\n".join(map(json.dumps, rows)))
    refs = [
        ref(1, 7, 1, "man", " "), ref(2, 8, 2, "dogs"), ref(3, 9, 3, "x"), ref(4, 10, 3, "y"),
        ref(4, 11, 3, "z"), ref(6, 11, 3, "end"),
    ]  # fmt: skip
    layouts.write_pickle(folder / "refs(unc).p", refs)
    (found,) = check(folder, "--fix", tmp_path / "out", code=2)
    assert told(found) == [
        ("annotation_id_repeated", "instances.json annotations[2]", 4),
        ("empty_expression", "refs(unc).p refs[0]", None),
        ("polygon_under_3_points", "instances.json annotation 7", 2),
        ("empty_mask", "instances.json annotation 8", 3),
        ("mask_size_mismatch", "instances.json annotation 9", 5),
        ("unknown_category", "refs(unc).p refs[3]", None),
        ("ref_id_repeated", "refs(unc).p refs[4]", None),
    ]
    (clean,) = check(tmp_path / "out")
    assert (clean["problems"], clean["counts"]["expressions"]) == ([], 2)
    kept = pickle.loads((tmp_path / "out/refcoco/refs(unc).p").read_bytes())  # noqa: S301
    assert [[s["sent"] for s in r["sentences"]] for r in kept] == [["man"], ["end"]]


def test_objects_of_a_picture_are_dropped_one_by_one(tmp_path: Path) -> None:
    """In COCO instances a bad object goes and its picture stays; crowds are counted, and are no problem."""
    crowd = annotation(7, 1, [OTHER]) | {"iscrowd": 1}
    rows = [annotation(5, 1, [SQUARE]), annotation(6, 1, []), crowd]
    layouts.write_json(tmp_path / "in/annotations/instances_train2017.json", layouts.instances([1, 2], rows))
    for number in (1, 2):
        layouts.write_picture(tmp_path / "in/train2017" / layouts.coco_image(number)["file_name"])
    (found,) = check(tmp_path / "in", "--fix", tmp_path / "out", code=2)
    assert (found["format"], found["left_out"]) == ("coco", {"crowd": 1})
    assert told(found) == [("empty_mask", "instances_train2017.json annotation 6", 1)]
    (clean,) = check(tmp_path / "out")
    assert (clean["counts"]["pictures"], clean["counts"]["masks"], clean["problems"]) == (2, 1, [])


def test_label_maps_and_own_masks_of_another_size(tmp_path: Path) -> None:
    """A map of another size, a value without class, a mask of another size."""
    scenes = layouts.write_ade20k(tmp_path / "in")
    for name, values in (("b", np.ones((4, 4), np.uint8)), ("c", layouts.striped(1, 90))):
        layouts.write_picture(scenes / f"images/training/{name}.jpg")
        layouts.write_labels(scenes / f"annotations/training/{name}.png", values)
    own = layouts.write_folder(tmp_path / "in/own")
    layouts.write_labels(own / "masks/a.png", np.ones((4, 4), np.uint8))
    first, second = check(tmp_path / "in", "--fix", tmp_path / "out", code=2)
    assert told(first) == [
        ("mask_size_mismatch", "annotations/training/b.png", None),
        ("unknown_category", "annotations/training/c.png", None),
    ]
    assert told(second) == [("mask_size_mismatch", "masks/a.png", None)]
    assert [dataset["problems"] for dataset in check(tmp_path / "out")] == [[], []]


def test_a_person_reads_names_counts_and_places(tmp_path: Path) -> None:
    """Without --json: the format's title, counts, a line for each problem, a sum."""
    layouts.write_refcoco(tmp_path)
    result = CliRunner().invoke(app, ["data", "check", str(tmp_path)])
    assert result.exit_code == 2
    assert "RefCOCO, RefCOCO+" in result.output and "4 expressions" in result.output
    assert "instances.json:1 annotation 9: empty_mask: it has no pixel" in result.output
    assert "problems: 1 empty_mask" in result.output


def test_what_is_no_dataset_or_no_place_for_a_copy_is_said(tmp_path: Path) -> None:
    """An empty folder, a copy into the dataset, a copy over files."""
    refused = lambda *words: str(CliRunner().invoke(app, ["data", "check", *map(str, words)]).exception)
    (tmp_path / "empty").mkdir()
    assert "is none of" in refused(tmp_path / "empty")
    assert "does not exist" in refused(tmp_path / "no")
    layouts.write_reasonseg(tmp_path / "in")
    assert "elsewhere" in refused(tmp_path / "in", "--fix", tmp_path / "in/out")
    assert "not empty" in refused(tmp_path / "in", "--fix", tmp_path / "in")


def test_a_target_of_lines_alone_does_not_become_no_target(tmp_path: Path) -> None:
    """ReasonSeg draws a polygon of two points as a line; without it the text would name nothing."""
    folder = layouts.write_reasonseg(tmp_path / "in")
    line = {"label": "target", "points": [[3, 3], [12, 3]]}
    layouts.write_json(folder / "val/a.json", {"shapes": [line], "text": ["the tool"], "is_sentence": False})
    (found,) = check(tmp_path / "in", "--fix", tmp_path / "out", code=2)
    assert told(found) == [("empty_mask", "val/a.json target", None)]
    (clean,) = check(tmp_path / "out")
    assert (clean["counts"]["rows"], clean["counts"]["rows without target"]) == (1, 0)


@pytest.mark.parametrize("name", ["images/a.jpg", "masks/a.png", "texts/a.txt"])
def test_a_file_that_is_a_link_out_of_its_folder_is_never_opened(tmp_path: Path, name: str) -> None:
    """What somebody else packed brings no file of this machine into a dataset or its copy."""
    folder = layouts.write_folder(tmp_path / "in")
    secret = (folder / name).rename(tmp_path / f"secret{Path(name).suffix}")
    (folder / name).symlink_to(secret)
    (found,) = check(folder, "--fix", tmp_path / "out", code=2)
    assert [problem["reason"] for problem in found["problems"]] == ["unsafe_path"]
    assert not (tmp_path / "out" / name).exists()


def test_a_linked_annotation_is_told_and_other_files_stay_behind(tmp_path: Path) -> None:
    """Of ReasonSeg nothing is copied but what was read."""
    folder = layouts.write_reasonseg(tmp_path / "in")
    (folder / "val/a.json").rename(tmp_path / "secret.json")
    (folder / "val/a.json").symlink_to(tmp_path / "secret.json")
    (folder / "notes.txt").symlink_to(tmp_path / "secret.json")
    (found,) = check(folder, "--fix", tmp_path / "out", code=2)
    assert told(found) == [("unsafe_path", "val/a.json", None)]
    assert set(tree(tmp_path / "out")) == {"problems.jsonl", "train/a.jpg", "train/a.json"}


def test_pictures_may_lie_elsewhere(tmp_path: Path) -> None:
    """The copy may then stand beside either; it has the pictures, and is cleaned again without a trace."""
    folder = layouts.write_refcoco(tmp_path / "in", None, GOOD)
    pictures = (tmp_path / "in/refer_seg/images/mscoco/images/train2014").rename(tmp_path / "pictures")
    first, second = tmp_path / "first", tmp_path / "second"
    (found,) = check(folder, "--images", pictures, "--fix", first)
    assert (found["counts"]["rows"], found["problems"]) == (3, [])
    again = check(first / "in/refer_seg/refcoco", "--images", first / "pictures", "--fix", second)
    assert again[0]["counts"] == found["counts"]
    (written,) = second.rglob("instances.json")
    assert written.read_text().count('"cleaned"') == 1


def test_classes_of_a_map_are_counted_and_its_names_are_copied_along(tmp_path: Path) -> None:
    """Also where the names stand beside the folder that was asked about."""
    layouts.write_ade20k(tmp_path / "in", "ade20k_classes.json")
    (found,) = check(tmp_path / "in/ade20k", "--fix", tmp_path / "out")
    assert found["counts"]["masks"] == 2
    assert check(tmp_path / "out")[0]["counts"] == found["counts"]


def test_a_split_that_is_not_there_is_no_sound_one(tmp_path: Path) -> None:
    """A typo in the name of a split must not read as good news."""
    folder = WRITERS["refcoco"](tmp_path)
    ended = CliRunner().invoke(app, ["data", "check", str(folder), "--split", "valid"])
    assert isinstance(ended.exception, NotFound)
    assert "has no row of the split 'valid'" in str(ended.exception)
