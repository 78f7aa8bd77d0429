"""A dataset's digest is of the code that draws it, and of no other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.coordinator.code import code_digest

FILES = {
    "__init__": "",
    "scenes": "from studio.paint import paint",
    "paint": "def paint():\n    from studio.colours import RED\n    return RED",
    "colours": "RED = 1",
    "export": "from studio.colours import RED",
}


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Path]:
    """A package of five files, three of which draw."""
    folder = tmp_path / "studio"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
    sys.path.insert(0, str(tmp_path))
    yield folder
    sys.path.remove(str(tmp_path))
    sys.modules.pop("studio", None)


@pytest.mark.parametrize(
    ("name", "matters"), [("scenes", True), ("paint", True), ("colours", True), ("export", False)]
)
def test_only_what_draws_is_hashed(studio: Path, name: str, matters: bool) -> None:
    """Imports are followed, those within functions too; a writer of files may change."""
    before = code_digest("studio.scenes")
    (studio / f"{name}.py").write_text(FILES[name] + "\nLATER = 2")
    assert (code_digest("studio.scenes") != before) == matters


def test_scenes_of_cutouts_rest_on_more_than_one_file() -> None:
    """The composer's own file is the least of it, and the readers of COCO are none of it."""
    assert len({code_digest(f"synres.data.{name}") for name in ("cutpaste_scenes", "cutpaste", "coco")}) == 3
