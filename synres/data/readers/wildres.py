"""WildRES in a layout of our own: its authors have published neither data nor format.

`grefs(id).json` and `grefs(ds).json` are lists of refs that a loader of gRefCOCO can read, each with `subset`
("multi_shared", "many_attr"), `domain` and, at times, `ignore` (run lengths); `instances.json`;
`images/<domain>/`. What is read from it is never the published benchmark.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from synres.data.readers.refs import RefFile
from synres.data.rows import Problem, ReferringRow
from synres.errors import InvalidInput, NotFound

PARTS = ("id", "ds")
"""In-domain, and domain shift."""


def read_wildres(
    folder: Path, split: str = "", part: str = "", images: Path | None = None
) -> Iterator[ReferringRow | Problem]:
    """Rows of one part or of both; `split`: "", "val" or "test". Raises NotFound and InvalidInput."""
    if part not in ("", *PARTS):
        raise InvalidInput(f"WildRES has no part {part!r}; use id or ds")
    paths = [folder / f"grefs({name}).json" for name in ([part] if part else PARTS)]
    there = [path for path in paths if path.is_file()]
    if not there:
        raise NotFound(f"{folder} holds no {paths[0].name}")
    for path in there:
        yield from RefFile(path, folder / "instances.json", images or folder / "images").rows(split)
