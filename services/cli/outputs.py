"""Files that a command is to write: what is wrong with their names is said before anything is computed."""

from __future__ import annotations

from pathlib import Path

from synres.errors import InvalidInput


def check_png(path: Path, source: Path | None = None) -> Path:
    """The path. Raises InvalidInput unless it ends in .png, in a folder that exists, and is not `source`."""
    if path.suffix.lower() != ".png":
        raise InvalidInput(f"--output {path}: a PNG is written; let its name end in .png")
    if path.is_dir():
        raise InvalidInput(f"--output {path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise InvalidInput(f"--output {path}: the folder {path.parent} does not exist; make it first")
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise InvalidInput(f"--output {path} is the picture itself: name another file")
    return path
