"""COCO instances, PACO and PASCAL-Part: objects and parts as regions."""

from __future__ import annotations

from pathlib import Path

from synres.data.readers.instances import read_instances
from synres.data.readers.paco import part_names, read_paco, read_pascal_part
from synres.data.rows import Problem, SemanticRow
from synres.domain.masks import area
from tests.unit.data.readers.layouts import (
    OTHER,
    SQUARE,
    annotation,
    instances,
    write_json,
    write_paco,
    write_pascal_part,
)


def test_each_annotation_is_a_region(tmp_path: Path) -> None:
    """Pictures in the file's order, those without objects too; masks are drawn when asked."""
    rows = [annotation(5, 2, [SQUARE], 2), annotation(6, 1, [OTHER])]
    write_json(tmp_path / "a.json", instances([1, 2, 3], rows))
    found = [row for row in read_instances(tmp_path / "a.json", tmp_path) if isinstance(row, SemanticRow)]
    told = [[(r.category, area(r.mask.rle())) for r in row.regions.read()] for row in found]
    assert told == [[("person", 16)], [("dog", 36)], []]
    assert all(row.is_instances for row in found)


def test_what_is_wrong_stands_beside_what_is_good(tmp_path: Path) -> None:
    """A crowd, an unknown category, an unknown picture: each a problem with the annotation's place."""
    crowd = annotation(6, 1, [OTHER]) | {"iscrowd": 1}
    rows = [annotation(5, 1, [SQUARE]), crowd, annotation(7, 1, [OTHER], 9), annotation(8, 4, [OTHER])]
    write_json(tmp_path / "a.json", instances([1], rows))
    found = list(read_instances(tmp_path / "a.json", tmp_path))
    told = [(row.reason, row.place.record) for row in found if isinstance(row, Problem)]
    assert told == [
        ("unknown_image", "annotation 8"),
        ("crowd", "annotation 6"),
        ("unknown_category", "annotation 7"),
    ]
    assert [len(row.regions.read()) for row in found if isinstance(row, SemanticRow)] == [1]


def test_objects_and_parts(tmp_path: Path) -> None:
    """ "object:part" is split, LVIS's brackets are dropped, underscores are spaces."""
    for read, folder in ((read_paco, write_paco(tmp_path)), (read_pascal_part, write_pascal_part(tmp_path))):
        (row,) = read(folder)
        assert isinstance(row, SemanticRow) and row.image.is_file()
        assert [(r.name, r.part) for r in row.regions.read()] == [("trash can", ""), ("trash can", "rim")]
    assert part_names("mouse_(computer):left_button_(x)") == ("mouse", "left button")
