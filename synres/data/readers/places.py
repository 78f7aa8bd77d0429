"""Where datasets keep what belongs to them: beside their folder, or a little above it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synres.errors import NotFound

_LEVELS = 4


def find_folder(folder: Path, names: Sequence[str]) -> Path:
    """The first of `names` that is a folder in `folder` or up to three folders above it. Raises NotFound.

    LISA's training looks beside `refer_seg/refcoco`, its validation one level higher: both are found.
    """
    for base in _upwards(folder):
        for name in names:
            if (base / name).is_dir():
                return base / name
    raise NotFound(
        f"no pictures for {folder}: put them into {folder.parent / names[0]}, or name their folder"
    )


def find_file(folder: Path, names: Sequence[str], mend: str) -> Path:
    """The first of `names` that is a file in `folder` or beside it; `mend` says where people get it."""
    for base in _upwards(folder)[:2]:
        for name in names:
            if (base / name).is_file():
                return base / name
    raise NotFound(f"{folder} lacks {' or '.join(names)}: {mend}")


def _upwards(folder: Path) -> list[Path]:
    absolute = folder.absolute()
    return [absolute, *absolute.parents][:_LEVELS]
