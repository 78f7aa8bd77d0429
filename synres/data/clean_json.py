"""Annotation files written anew without what is wrong in them; all else stays as it was."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from synres.data.readers.json_lists import decode_file, locate, map_json
from synres.data.readers.refs import read_refs
from synres.data.readers.segmentation import MIN_NUMBERS
from synres.data.readers.shapes import MIN_CORNERS
from synres.data.rows import Place
from synres.typed_json import decode_json

CLEANED = "cleaned"
"""A key of COCO files that were written here."""


def write_refs(source: Path, target: Path, kept: Collection[Place]) -> None:
    """The refs at these places, in the form of the source, without expressions that have no words."""
    refs = (_spoken(ref) for place, ref in read_refs(source) if place in kept)
    if target.suffix == ".p":
        _write_pickle(target, refs)
    else:
        _write_list(target, refs)


def write_conversations(source: Path, target: Path, kept: Collection[Place]) -> None:
    """The records at these places, byte for byte."""
    data = map_json(source)
    raws: list[msgspec.Raw] = decode_file(data, source, list[msgspec.Raw])
    places = (Place(source.name, f"conversation {n}", at.line) for n, at in enumerate(locate(data, raws)))
    _write_list(target, (raw for place, raw in zip(places, raws, strict=True) if place in kept))


def write_coco(
    source: Path, target: Path, image_ids: Collection[int], annotation_ids: Collection[int]
) -> None:
    """Images and annotations of these ids, the first of each; polygons of fewer than 3 points are gone."""
    data = map_json(source)
    file: dict[str, msgspec.Raw] = decode_file(data, source, dict[str, msgspec.Raw])
    images = _of_ids(decode_file(memoryview(file["images"]), source, list[Any]), image_ids)
    raws = decode_file(memoryview(file["annotations"]), source, list[msgspec.Raw])
    records = (decode_json(memoryview(raw), dict[str, Any]) for raw in raws)
    annotations = (_outlined(record) for record in _of_ids(records, annotation_ids))
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        out.write(b"{")
        for key, raw in file.items():
            if key == CLEANED:
                continue
            out.write(msgspec.json.encode(key) + b":")
            lists = {"images": images, "annotations": annotations}
            out.writelines(_list_lines(lists[key]) if key in lists else [bytes(raw)])
            out.write(b",\n")
        out.write(b'"%s":true}\n' % CLEANED.encode())


def write_reasonseg(source: Path, target: Path) -> None:
    """One annotation file, in UTF-8, without texts that have no words and shapes that have no area."""
    data = source.read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("cp1252")
    file = decode_json(text.encode(), dict[str, Any])
    file["text"] = [text for text in file["text"] if text.strip()]
    file["shapes"] = [shape for shape in file["shapes"] if len(shape["points"]) >= MIN_CORNERS]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(msgspec.json.encode(file))


def _spoken(ref: dict[str, Any]) -> dict[str, Any]:
    sentences = [sentence for sentence in ref["sentences"] if sentence["sent"].strip()]
    ids = [sentence["sent_id"] for sentence in sentences if "sent_id" in sentence]
    return ref | {"sentences": sentences} | ({"sent_ids": ids} if "sent_ids" in ref else {})


def _outlined(annotation: dict[str, Any]) -> dict[str, Any]:
    parts = annotation.get("segmentation")
    if not isinstance(parts, list):
        return annotation
    kept = [part for part in parts if not isinstance(part, list) or len(part) >= MIN_NUMBERS]
    return annotation | {"segmentation": kept}


def _of_ids(records: Iterable[Any], ids: Collection[int]) -> Iterator[dict[str, Any]]:
    seen: set[int] = set()
    for record in records:
        number = record.get("id") if isinstance(record, dict) else None
        if isinstance(number, int) and number in ids and number not in seen:
            seen.add(number)
            yield record


def _write_list(target: Path, records: Iterable[Any]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        out.writelines(_list_lines(records))


def _write_pickle(target: Path, records: Iterable[Any]) -> None:
    """Protocol 2, as the originals; one record in memory at a time, each with its own memo."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        out.write(b"\x80\x02]")
        # without each record's own beginning and end, and appended to the list
        out.writelines(pickle.dumps(record, 2)[2:-1] + b"a" for record in records)
        out.write(b".")


def _list_lines(records: Iterable[Any]) -> Iterator[bytes]:
    """A JSON list, one record a line, so that a checker's line numbers mean something."""
    yield b"["
    for number, record in enumerate(records):
        yield (b",\n" if number else b"\n") + msgspec.json.encode(record)
    yield b"\n]"
