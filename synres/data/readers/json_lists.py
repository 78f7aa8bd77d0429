"""Records of large JSON files by their place in the file, without keeping the file in memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from synres.errors import InvalidInput, NotFound
from synres.typed_json import decode_json

T = TypeVar("T")
MAX_JSON_BYTES = 8 * 2**30


@dataclass(frozen=True, slots=True)
class Located:
    """A record's raw JSON (a view into the file), the byte where it starts and its line, from 1."""

    raw: msgspec.Raw
    start: int
    line: int


def map_json(path: Path) -> mmap.mmap:
    """The file's bytes; `Located` records are views into them. Raises NotFound and InvalidInput."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if not 0 < size <= MAX_JSON_BYTES:
                raise InvalidInput(f"{path} has {size} bytes; a JSON file has 1 to {MAX_JSON_BYTES}")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise NotFound(f"{path} does not exist") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def decode_file(data: Any, path: Path, kind: type[T]) -> T:
    """All of `data` as `kind`. Raises InvalidInput that names `path`."""
    try:
        return decode_json(data, kind)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not the JSON that its name promises: {error}") from error


def locate(data: mmap.mmap, records: list[msgspec.Raw]) -> Iterator[Located]:
    """Where each record of one list stands; they must come in the order of the file."""
    start, end, line = 0, 0, 1
    for raw in records:
        before, start = start, data.find(raw, end)
        line += data[before:start].count(b"\n")
        yield Located(raw, start, line)
        end = start + memoryview(raw).nbytes
