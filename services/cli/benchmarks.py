"""BENCHMARK of `synres evaluate`: names of splits, and how each comes into the ledger.

Folders lie as LISA's code expects them below one root; annotations and pictures are read anew each time, and
equal content is an equal benchmark, whatever its files are called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synres.data.referring import by_targets, referred_pictures
from synres.domain.choice import nearest
from synres.domain.types import Triplet
from synres.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from synres.data.source import Picture, Refused
    from synres.ledger.ledger import Ledger

UNC, UMD = ("val", "testA", "testB"), ("val", "test")
SCENES = 400
MICROWORLD = ("validation", "dev", "test")
Read = Callable[[Path, str], Iterator["Picture | Refused"]]
"""Folder and split -> pictures."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`rows` is the digest of its rows of Triplet; `refused`: reason -> records that are not in it."""

    name: str
    rows: str
    pictures: int
    expressions: int
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Layout:
    """`folders` are tried in turn below the root."""

    folders: tuple[str, ...]
    splits: tuple[str, ...]
    read: Read


def _reader(module: str, part: str = "", **kept: Any) -> Read:
    """`read_<module>` of `synres.data.readers`, with the expressions of a picture together."""

    def read(folder: Path, split: str) -> Iterator[Picture | Refused]:
        read_rows = getattr(import_module(f"synres.data.readers.{module}"), f"read_{module}")
        rows = read_rows(folder, split, part) if part else read_rows(folder, split)
        return referred_pictures(rows, **kept)

    return read


def _below(*parts: str) -> tuple[str, ...]:
    """A folder of the REFER toolbox: where LISA's training looks, where its validation does, and as it is."""
    return tuple(f"{root}{part}" for part in parts for root in ("refer_seg/", ""))


LAYOUTS: Mapping[str, _Layout] = {
    "refcoco": _Layout(_below("refcoco"), UNC, _reader("refcoco")),
    "refcoco+": _Layout(_below("refcoco+"), UNC, _reader("refcoco")),
    "refcocog": _Layout(_below("refcocog"), UMD, _reader("refcoco")),
    "refclef": _Layout(_below("refclef"), (*UNC, "testC"), _reader("refcoco")),
    "grefcoco": _Layout(_below("grefcoco"), UNC, _reader("grefcoco", subset_of=by_targets)),
    "reasonseg": _Layout(
        ("reason_seg/ReasonSeg", "ReasonSeg"), ("val", "test"), _reader("reasonseg", first_only=True)
    ),
    "wildres-id": _Layout(("wildres",), ("val", "test"), _reader("wildres", "id")),
    "wildres-ds": _Layout(("wildres",), ("val", "test"), _reader("wildres", "ds")),
}


def put_benchmark(ledger: Ledger, name: str, root: Path) -> Benchmark:
    """Reads, checks and stores a benchmark. Raises InvalidInput or NotFound for what is none."""
    dataset, _, split = name.partition("/")
    if dataset == "microworld":
        return _microworld(ledger, name, split)
    if dataset not in LAYOUTS:
        known = (*LAYOUTS, "microworld")
        raise NotFound(f"benchmark {name!r} is unknown{nearest(dataset, known)}; there is {', '.join(known)}")
    layout = LAYOUTS[dataset]
    if split not in layout.splits:
        raise InvalidInput(f"{dataset} has the splits {', '.join(layout.splits)}: say {dataset}/SPLIT")
    return _stored(ledger, name, layout.read(_folder(root, dataset, layout), split))


def _folder(root: Path, dataset: str, layout: _Layout) -> Path:
    found = next((root / name for name in layout.folders if (root / name).is_dir()), None)
    if found is None:
        raise NotFound(
            f"{dataset} is not below {root}: put it into {root / layout.folders[0]}, or give --data"
        )
    return found


def _stored(ledger: Ledger, name: str, pictures: Iterator[Picture | Refused]) -> Benchmark:
    from services.coordinator.ingest import take_pictures

    triplets: list[Triplet] = []
    refused: Counter[str] = Counter()
    for found in take_pictures(ledger, pictures):
        triplets += found.triplets
        refused.update(rejection.reason for rejection, _ in found.rejections)
    if not triplets:
        told = (
            ", ".join(f"{count} {reason}" for reason, count in refused.items()) or "no record of that split"
        )
        raise InvalidInput(f"benchmark {name} holds nothing to ask for ({told}); see `synres data check`")
    return Benchmark(name, ledger.put_rows(triplets).digest, _pictures(triplets), len(triplets), refused)


def _microworld(ledger: Ledger, name: str, rest: str) -> Benchmark:
    from services.coordinator.datasets import ingest_datasets
    from synres.spec import Method, MicroWorld

    split, _, scenes = rest.partition("/")
    if split not in MICROWORLD or not (scenes or "1").isdecimal() or scenes == "0":
        raise InvalidInput(
            f"{name!r} is no benchmark of the micro world: say microworld/SPLIT or microworld/SPLIT/SCENES,"
            f" with SPLIT one of {', '.join(MICROWORLD)}"
        )
    dataset = MicroWorld(kind="microworld", split=split, scenes=int(scenes or SCENES))
    method = Method(datasets={"it": dataset})
    result = ingest_datasets(ledger, method, lambda name, result: None)["it"].result
    triplets = ledger.get_rows(result.outputs["triplets"], Triplet)
    return Benchmark(name, result.outputs["triplets"], _pictures(triplets), len(triplets), {})


def _pictures(triplets: list[Triplet]) -> int:
    return len({triplet.image.digest for triplet in triplets})
