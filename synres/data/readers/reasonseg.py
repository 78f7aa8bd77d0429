"""ReasonSeg as LISA lays it out: `{train,val,test}/NAME.jpg` beside `NAME.json` with shapes and texts.

https://github.com/dvlab-research/LISA. `explanatory/train.json` (questions with answers in words) is read
where it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from synres.data.images import image_size
from synres.data.paths import refuse_link_out
from synres.data.readers.json_lists import decode_file, map_json
from synres.data.readers.shapes import DrawnShapes, Shape
from synres.data.rows import Place, Problem, ReferringRow
from synres.errors import NotFound, RejectedItem
from synres.typed_json import decode_json

SPLITS = ("train", "val", "test")
EXPLANATIONS = "explanatory/train.json"


class _File(msgspec.Struct):
    shapes: list[Shape]
    text: list[str]
    is_sentence: bool = False


class _Explanation(msgspec.Struct):
    image: str
    query: str
    outputs: str


def read_reasonseg(folder: Path, split: str = "") -> Iterator[ReferringRow | Problem]:
    """Rows of `ReasonSeg/`, one for each picture, sorted by name: one target, every text that names it.

    LISA's training draws one text; its validation uses the first alone. `subset` is "long" for sentences,
    "short" else. `masks` holds one mask, `ignore` the pixels of shapes labelled so; where a small shape lies
    on a large one, the small one counts. No shape but ignored ones is a row without target. `ref_id` and
    `image_id` count pictures over all splits; `size` comes from the picture's header.
    Problems: `image_missing`, `image_unreadable`, `image_too_many_pixels`, `annotation_missing`,
    `annotation_invalid`, `unsafe_path`, `empty_expression`. Raises NotFound (no such split).
    """
    explained = _explanations(folder)
    number = 0
    for name in SPLITS:
        if split in ("", name) and (folder / name).is_dir():
            for path in _stems(folder / name):
                yield from _read(folder, path, name, number, explained)
                number += 1
    if not number:
        raise NotFound(f"{folder} holds no pictures of the split {split or 'train, val or test'}")


def _stems(folder: Path) -> list[Path]:
    return sorted({path.with_suffix("") for path in folder.iterdir() if path.suffix in (".jpg", ".json")})


def _explanations(folder: Path) -> dict[str, tuple[str, str]]:
    path = folder / EXPLANATIONS
    if not path.is_file():
        return {}
    rows: list[_Explanation] = decode_file(map_json(path), path, list[_Explanation])
    return {row.image: (row.query, row.outputs) for row in rows}


def _read(
    folder: Path, stem: Path, split: str, number: int, explained: dict[str, tuple[str, str]]
) -> Iterator[ReferringRow | Problem]:
    image = stem.parent / f"{stem.name}.jpg"
    place = Place(f"{split}/{stem.name}.json")
    try:
        file = _decode(folder / place.file)
        size = image_size(image)
    except RejectedItem as refused:
        yield Problem(place, refused.reason, refused.message)
        return
    said = tuple(text.strip() for text in file.text if text.strip())
    if len(said) < max(1, len(file.text)):
        yield Problem(place, "empty_expression", "a text has no words, or there is none")
    if said:
        yield _row(place, image, size, file, said, (split, number, explained.get(image.name)))


def _row(
    place: Place, image: Path, size: tuple[int, int], file: _File, said: tuple[str, ...],
    known: tuple[str, int, tuple[str, str] | None],
) -> ReferringRow:  # fmt: skip
    split, number, explanation = known
    target, ignored = (
        DrawnShapes(tuple(file.shapes), size, kind, Place(place.file, kind)) for kind in ("target", "ignore")
    )
    return ReferringRow(
        place=place, image=image, size=size, expressions=said, expression_ids=tuple(range(len(said))),
        masks=(target,) if target.is_drawn else (), categories=("",) if target.is_drawn else (),
        split=split, ref_id=number, image_id=number, ignore=ignored if ignored.is_drawn else None,
        is_sentence=file.is_sentence, explanation=explanation, subset="long" if file.is_sentence else "short",
    )  # fmt: skip


def _decode(path: Path) -> _File:
    """UTF-8, else cp1252, as the original has both."""
    refuse_link_out(path)
    try:
        data = path.read_bytes()
        try:
            data.decode()
        except UnicodeDecodeError:
            data = data.decode("cp1252").encode()
        return decode_json(data, _File)
    except FileNotFoundError as error:
        raise RejectedItem("annotation_missing", f"{path.name} is not there") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RejectedItem("annotation_invalid", str(error)) from error
