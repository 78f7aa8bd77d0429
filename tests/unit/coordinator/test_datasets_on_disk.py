"""Datasets in people's own layouts, named by a spec: what comes into the ledger, and what is kept out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.coordinator.datasets import anywhere, ingest_datasets, inside, sources
from synres.domain.masks import area
from synres.domain.types import OpenTriplet
from synres.errors import InvalidInput, NotFound, UnsafePath
from synres.ledger.ledger import Ledger
from synres.spec import Method
from tests.fakes import MemoryStore
from tests.unit.data.readers import layouts

WRITERS: dict[str, tuple[Callable[[Path], Path], int]] = {
    "refcoco": (layouts.write_refcoco, 4),
    "grefcoco": (layouts.write_grefcoco, 3),
    "reasonseg": (layouts.write_reasonseg, 4),
    "wildres": (layouts.write_wildres, 2),
    "ade20k": (layouts.write_ade20k, 2),
    "cocostuff": (layouts.write_cocostuff, 2),
    "mapillary": (layouts.write_mapillary, 2),
    "paco": (layouts.write_paco, 2),
    "pascal_part": (layouts.write_pascal_part, 2),
    "llava": (layouts.write_llava, 1),
    "folder": (layouts.write_folder, 4),
}
"""Kind -> what builds it in miniature, and the triplets it holds."""


def method(kind: str, folder: Path | str, **fields: Any) -> Method:
    return Method.model_validate({"datasets": {"it": {"kind": kind, "folder": str(folder)} | fields}})


def triplets(kind: str, folder: Path, **fields: Any) -> list[OpenTriplet]:
    ledger = Ledger(MemoryStore())
    result = ingest_datasets(ledger, method(kind, folder, **fields), lambda name, result: None)["it"].result
    return ledger.get_rows(result.outputs["triplets"], OpenTriplet)


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_comes_into_the_ledger(tmp_path: Path, kind: str) -> None:
    """Each layout that a spec can name yields its expressions with masks."""
    write, count = WRITERS[kind]
    assert len(triplets(kind, write(tmp_path))) == count


def test_splits_parts_and_talk_are_kept(tmp_path: Path) -> None:
    """A split chooses rows, a part keeps its category, a conversation its turns and an empty mask."""
    assert [t.expression for t in triplets("refcoco", layouts.write_refcoco(tmp_path), split="testA")] == [
        "dogs"
    ]
    part = triplets("paco", layouts.write_paco(tmp_path))[1]
    assert (part.expression, part.category) == ("trash can rim", "trash can:rim")
    (talk,) = triplets("llava", layouts.write_llava(tmp_path))
    assert (talk.expression, talk.turns, area(talk.mask)) == ("What?", (("What?", "A cup."),), 0)


def test_a_split_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    """Else its name's typo would show after the trainings, in a table without numbers."""
    with pytest.raises(InvalidInput, match=r"dataset it: .* has no row of the split 'vall'"):
        triplets("refcoco", layouts.write_refcoco(tmp_path), split="vall")


def test_a_dataset_is_known_by_what_it_holds(tmp_path: Path) -> None:
    """Moved as a whole it stays the same; another annotation or another picture makes it another."""
    first = layouts.write_refcoco(tmp_path / "a")
    known = [
        sources(method("refcoco", first)),
        sources(method("refcoco", layouts.write_refcoco(tmp_path / "b"))),
    ]
    assert known[0] == known[1]
    layouts.write_picture(tmp_path / "a/refer_seg/images/mscoco/images/train2014/more.jpg")
    known.append(sources(method("refcoco", first)))
    layouts.write_pickle(first / "refs(unc).p", [])
    known.append(sources(method("refcoco", first)))
    assert len({str(found) for found in known}) == 3


def test_a_submitted_spec_reads_only_below_the_datasets_folder(tmp_path: Path) -> None:
    """Neither the folder nor pictures found beside it may lie elsewhere."""
    folder = layouts.write_refcoco(tmp_path)
    below = "refer_seg/refcoco"
    assert sources(method("refcoco", below), inside(tmp_path)) == sources(method("refcoco", folder), anywhere)
    layouts.write_json(tmp_path / "alone/refcoco/instances.json", {})
    (tmp_path / "images").symlink_to(tmp_path / "refer_seg/images")
    with pytest.raises(UnsafePath, match="outside"):
        sources(method("refcoco", "refcoco"), inside(tmp_path / "alone"))
    with pytest.raises(UnsafePath, match=r"\.\."):
        sources(method("refcoco", "../alone/refcoco"), inside(tmp_path / "refer_seg"))
    with pytest.raises(InvalidInput, match="SYNRES_DATASETS_DIR"):
        sources(method("refcoco", below), inside(None))


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """No folder, no pictures, no such variant."""
    with pytest.raises(NotFound, match="relative to the working directory"):
        sources(method("reasonseg", tmp_path / "none"))
    (tmp_path / "refcoco").mkdir()
    with pytest.raises(NotFound, match="no pictures for"):
        sources(method("refcoco", tmp_path / "refcoco"))
    with pytest.raises(InvalidInput, match="no variant"):
        triplets("ade20k", layouts.write_ade20k(tmp_path), variant="unc")
