"""Reads a folder of pictures with COCO annotations; what is wrong with one row never stops the others.

Format: https://cocodataset.org/#format-data (polygons, uncompressed and compressed run lengths; refclef's
lists of run lengths too).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from synres.data.images import MAX_BYTES
from synres.data.paths import path_inside
from synres.data.readers.segmentation import Segmentation, draw_segmentation
from synres.data.source import Picture, Refused
from synres.domain.digests import canonical_json
from synres.domain.types import SceneObject
from synres.errors import InvalidInput, NotFound, RejectedItem, UnsafePath
from synres.typed_json import decode_json, fit

Row = TypeVar("Row")
Id = int | str


class _Image(msgspec.Struct):
    id: Id
    file_name: str
    width: int
    height: int


class _Annotation(msgspec.Struct):
    id: Id
    image_id: Id
    category_id: Id
    segmentation: Segmentation
    iscrowd: int = 0


class _Category(msgspec.Struct):
    id: Id
    name: str


class _File(msgspec.Struct):
    """Rows stay raw, so that one bad row is one refusal."""

    images: list[Any]
    annotations: list[Any]
    categories: list[_Category]


def read_coco(folder: Path, annotations: Path, domain: str = "") -> Iterator[Picture | Refused]:
    """Pictures in the order of the file, each with its objects; the refusals of a picture come before it.

    Reasons: `annotation_invalid`, `unknown_image`, `unknown_category`, `crowd`, `mask_unreadable`,
    `image_invalid`, `image_id_repeated`, `unsafe_path` (the file is never opened), `image_missing`,
    `image_too_many_bytes`.
    Polygons are drawn at the size that the annotations claim; ingest refuses a picture of another size.
    Raises NotFound (no such file) and InvalidInput (not COCO at all).
    """
    file = _load(annotations)
    names = {category.id: category.name for category in file.categories}
    rows: dict[Id, list[_Annotation]] = {}
    for raw in file.annotations:
        row = _convert(raw, _Annotation, "annotation_invalid", annotations.name)
        if isinstance(row, Refused):
            yield row
        else:
            rows.setdefault(row.image_id, []).append(row)
    for image in _images(file, annotations.name):
        yield from [image] if isinstance(image, Refused) else _read(folder, image, rows, names, domain)
    yield from (_refuse(r, "unknown_image", f"image_id {r.image_id}") for left in rows.values() for r in left)


def _images(file: _File, name: str) -> Iterator[_Image | Refused]:
    """An id names one picture: its second row would be one without objects, and is refused."""
    seen: set[Id] = set()
    for raw in file.images:
        image = _convert(raw, _Image, "image_invalid", name)
        if isinstance(image, _Image) and image.id in seen:
            said = f"{image.file_name}: an image before it has the id {image.id} too"
            image = Refused(f"{name}#{image.id}", canonical_json(raw), "image_id_repeated", said)
        elif isinstance(image, _Image):
            seen.add(image.id)
        yield image


def _load(path: Path) -> _File:
    try:
        return decode_json(path.read_bytes(), _File)
    except FileNotFoundError as error:
        raise NotFound(f"{path} does not exist; give the COCO annotations of the folder") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is no COCO file (images, annotations, categories): {error}") from error


def _convert(raw: Any, row_type: type[Row], reason: str, name: str) -> Row | Refused:
    try:
        return fit(raw, row_type)
    except msgspec.ValidationError as error:
        return Refused(f"{name}#{_id_of(raw)}", canonical_json(raw), reason, str(error))


def _id_of(raw: Any) -> str:
    return str(raw.get("id", "?")) if isinstance(raw, dict) else "?"


def _read(
    folder: Path, image: _Image, rows: dict[Id, list[_Annotation]], names: dict[Id, str], domain: str
) -> Iterator[Picture | Refused]:
    own = rows.pop(image.id, [])
    try:
        data = _bytes_of(folder, image.file_name)
    except RejectedItem as refused:
        content = canonical_json([image.file_name, image.width, image.height])
        yield Refused(image.file_name, content, refused.reason, refused.message)
        return
    objects: list[SceneObject] = []
    for row in own:
        made = _object(row, names, (image.height, image.width), image.file_name)
        if isinstance(made, Refused):
            yield made
        else:
            objects.append(made)
    yield Picture(image.file_name, data, tuple(objects), domain=domain)


def _bytes_of(folder: Path, file_name: str) -> bytes:
    try:
        path = path_inside(folder, file_name)
        if not path.is_file():
            raise RejectedItem("image_missing", f"{file_name} is not a file below {folder.name}/")
        if path.stat().st_size > MAX_BYTES:
            raise RejectedItem("image_too_many_bytes", f"{file_name} has over {MAX_BYTES} bytes")
        return path.read_bytes()
    except UnsafePath as error:
        raise RejectedItem("unsafe_path", error.message) from error
    except OSError as error:
        raise RejectedItem("image_missing", f"{file_name} cannot be read: {error.strerror}") from error


def _object(
    row: _Annotation, names: dict[Id, str], size: tuple[int, int], file_name: str
) -> SceneObject | Refused:
    if row.iscrowd:
        return _refuse(row, "crowd", f"{file_name}: a crowd is no single object")
    if row.category_id not in names:
        return _refuse(row, "unknown_category", f"{file_name}: category_id {row.category_id}")
    try:
        return SceneObject(names[row.category_id], draw_segmentation(row.segmentation, size))
    except RejectedItem as refused:
        return _refuse(row, refused.reason, f"{file_name}: {refused.message}")


def _refuse(row: _Annotation, reason: str, message: str) -> Refused:
    return Refused(f"annotation {row.id}", canonical_json(msgspec.to_builtins(row)), reason, message)
