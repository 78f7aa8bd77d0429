"""Refs of the REFER toolbox as typed rows: what RefCOCO, gRefCOCO and WildRES have in common."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from synres.data.paths import path_inside
from synres.data.readers.coco_index import CocoIndex, read_coco_index
from synres.data.readers.json_lists import decode_file, locate, map_json
from synres.data.readers.pickled import read_pickled_list
from synres.data.readers.segmentation import Runs, WrittenMask
from synres.data.rows import Place, Problem, ReferringRow
from synres.errors import UnsafePath
from synres.typed_json import fit

NO_TARGET = -1


class Sentence(msgspec.Struct):
    sent: str
    sent_id: int = -1


class Ref(msgspec.Struct):
    """`ann_id`: one annotation, several, or [-1] for no target."""

    ref_id: int
    image_id: int
    ann_id: int | list[int]
    sentences: list[Sentence]
    split: str = ""
    subset: str = ""
    domain: str = ""
    ignore: Runs | None = None


class RefFile:
    """A file of refs (`.p` or `.json`), the COCO file that it points into, and the folder of pictures.

    Opening reads neither; the first row reads the COCO file's ids and the refs one by one.
    """

    def __init__(self, refs: Path, instances: Path, images: Path) -> None:
        self._refs, self._instances, self._images = refs, instances, images
        self._paths: dict[int, Path | Problem] = {}

    @cached_property
    def index(self) -> CocoIndex:
        """Raises NotFound and InvalidInput."""
        return read_coco_index(self._instances)

    def rows(self, split: str = "") -> Iterator[ReferringRow | Problem]:
        """The refs in the order of the file; those of `split` alone where one is given.

        Problems: those of the index, and `ref_invalid`, `ref_id_repeated`, `unknown_image`,
        `unknown_annotation`, `unknown_category`, `empty_expression`, `unsafe_path`.
        """
        yield from self.index.problems
        seen: set[int] = set()
        for place, raw in read_refs(self._refs):
            ref = _fitted(place, raw)
            if isinstance(ref, Problem):
                yield ref
            elif ref.ref_id in seen:
                yield Problem(place, "ref_id_repeated", f"a ref before it has the id {ref.ref_id} too")
            elif split in ("", ref.split):
                yield from self._joined(place, ref)
            if isinstance(ref, Ref):
                seen.add(ref.ref_id)

    def _joined(self, place: Place, ref: Ref) -> Iterator[ReferringRow | Problem]:
        found = self._image(place, ref.image_id)
        targets = [ref.ann_id] if isinstance(ref.ann_id, int) else ref.ann_id
        targets = [target for target in targets if target != NO_TARGET]
        missing = [target for target in targets if target not in self.index.annotations]
        said = [s for s in ref.sentences if s.sent.strip()]
        if len(said) < max(1, len(ref.sentences)):
            yield Problem(place, "empty_expression", f"ref {ref.ref_id} has an expression without words")
        if isinstance(found, Problem):
            yield found
        elif missing:
            yield self._unknown(place, "unknown_annotation", f"ann_id {missing[0]}")
        elif said:
            yield from self._row(place, ref, found, targets, said)

    def _row(
        self, place: Place, ref: Ref, image: Path, targets: list[int], said: list[Sentence]
    ) -> Iterator[ReferringRow | Problem]:
        index, size = self.index, self.index.images[ref.image_id].size
        numbers = [index.annotations[target].category_id for target in targets]
        strangers = [number for number in numbers if number not in index.categories]
        if strangers:
            yield self._unknown(place, "unknown_category", f"category_id {strangers[0]}")
            return
        yield ReferringRow(
            place=place, image=image, size=size,
            expressions=tuple(s.sent.strip() for s in said), expression_ids=tuple(s.sent_id for s in said),
            masks=tuple(index.mask(target, size) for target in targets),
            categories=tuple(index.categories[number] for number in numbers),
            split=ref.split, ref_id=ref.ref_id, image_id=ref.image_id, annotation_ids=tuple(targets),
            ignore=None if ref.ignore is None else _ignored(ref.ignore, size, place),
            subset=ref.subset, domain=ref.domain,
        )  # fmt: skip

    def _image(self, place: Place, image_id: int) -> Path | Problem:
        if image_id not in self.index.images:
            return self._unknown(place, "unknown_image", f"image_id {image_id}")
        if image_id not in self._paths:
            image = self.index.images[image_id]
            try:
                self._paths[image_id] = path_inside(self._images, image.file_name)
            except UnsafePath as error:
                self._paths[image_id] = Problem(image.place, "unsafe_path", error.message)
        return self._paths[image_id]

    def _unknown(self, place: Place, reason: str, what: str) -> Problem:
        return Problem(place, reason, f"{what} is not in {self._instances.name}")


def _ignored(runs: Runs, size: tuple[int, int], place: Place) -> WrittenMask:
    return WrittenMask(runs, size, Place(place.file, f"{place.record} ignore", place.line))


def read_refs(path: Path) -> Iterator[tuple[Place, Any]]:
    """Each ref of a `.p` or `.json` file as plain values. Raises NotFound and InvalidInput."""
    if path.suffix == ".p":
        for number, ref in enumerate(read_pickled_list(path)):
            yield Place(path.name, f"refs[{number}]"), ref
        return
    data = map_json(path)
    raws: list[msgspec.Raw] = decode_file(data, path, list[msgspec.Raw])
    for number, located in enumerate(locate(data, raws)):
        # one that is no object is wrong by itself, and not the file
        ref = decode_file(memoryview(located.raw), path, Any)
        yield Place(path.name, f"refs[{number}]", located.line), ref


def _fitted(place: Place, raw: Any) -> Ref | Problem:
    try:
        return fit(raw, Ref)
    except (msgspec.ValidationError, RecursionError) as error:
        return Problem(place, "ref_invalid", str(error))
