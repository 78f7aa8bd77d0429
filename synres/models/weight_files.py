"""Weights in a folder, as tensors that stay in their files until they are used: 13B do not fill memory twice.

No code is run: safetensors are taken first, and a `.bin` is unpickled as tensors only, or not at all.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from synres.errors import BackendUnavailable, UnsafePath

_NAMES = ("model.safetensors", "pytorch_model.bin")
_SUFFIXES = {".safetensors", ".bin", ".pth"}


def find_weights(path: Path) -> list[Path]:
    """The weights that `path` is or holds: safetensors before `.bin` or `.pth`, shards by their index.

    Raises BackendUnavailable when there are none, when a shard is missing, or when several files could be
    meant; UnsafePath when an index leads out of its folder.
    """
    if path.is_file():
        return [path]
    for name in _NAMES:
        if (path / f"{name}.index.json").is_file():
            return _shards(path / f"{name}.index.json")
        if (path / name).is_file():
            return [path / name]
    found = [file for file in sorted(path.glob("*")) if file.suffix in _SUFFIXES]
    if len(found) != 1:
        what = (
            f"several files of weights ({', '.join(file.name for file in found)})" if found else "no weights"
        )
        raise BackendUnavailable(f"{path} holds {what}; name one file, or fetch the checkpoint again")
    return found


def read_tensors(files: Iterable[Path]) -> dict[str, Tensor]:
    """All tensors by name, mapped from their files. Raises BackendUnavailable for a file that cannot be read,
    is cut short, or holds code or anything else than tensors."""
    found: dict[str, Tensor] = {}
    for file in files:
        found.update(_read_safetensors(file) if file.suffix == ".safetensors" else _read_bin(file))
    return found


def require_indexed(path: Path, tensors: Iterable[str]) -> None:
    """Raises BackendUnavailable when a tensor that the index of the folder `path` names was in no shard."""
    have = set(tensors)
    for index in [path / f"{name}.index.json" for name in _NAMES]:
        if index.is_file():
            absent = [name for name in _weight_map(index) if name not in have]
            if absent:
                what = f"names {len(absent)} tensors that no shard holds, the first {absent[0]}"
                raise BackendUnavailable(f"{index} {what}; fetch the checkpoint again")
            return


def _shards(index: Path) -> list[Path]:
    names = sorted(set(_weight_map(index).values()))
    for name in names:
        if Path(name).name != name or name in {"", ".."} or "\\" in name:
            raise UnsafePath(f"{index} names the shard {name!r}, which leads out of its folder")
    absent = [name for name in names if not (index.parent / name).is_file()]
    if absent or not names:
        what = f"names {absent[0]}, which is not there" if absent else "names no shards"
        raise BackendUnavailable(f"{index} {what}; fetch the checkpoint again")
    return [index.parent / name for name in names]


def _weight_map(index: Path) -> dict[str, str]:
    try:
        found = json.loads(index.read_text())["weight_map"]
        return {str(name): str(shard) for name, shard in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackendUnavailable(f"{index} is no index of shards; fetch the checkpoint again") from error


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        with safe_open(file, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise _unreadable(file) from error


def _read_bin(file: Path) -> dict[str, Tensor]:
    try:
        found = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise BackendUnavailable(
            f"{file} holds more than tensors (code, perhaps) and was not opened: have it as safetensors"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise _unreadable(file) from error
    if not isinstance(found, dict) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise BackendUnavailable(f"{file} is no table of tensors; name a file of weights")
    return {str(name): tensor for name, tensor in found.items()}


def _unreadable(file: Path) -> BackendUnavailable:
    return BackendUnavailable(
        f"{file} cannot be read as weights (cut short, or another format): fetch it again"
    )
