"""Weights that ship with the package: safetensors beside a `digests.json` (file name -> sha256)."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load, save

from synres.domain.digests import digest_bytes
from synres.errors import BackendUnavailable

_DIGESTS = "digests.json"


def load_shipped(folder: Path, name: str) -> tuple[dict[str, torch.Tensor], str]:
    """The float32 tensors of `name` and its sha256; raises BackendUnavailable if absent or altered."""
    path = folder / name
    if not path.is_file():
        raise BackendUnavailable(
            f"weights {path} are missing; install the package again or run `make micro-weights`"
        )
    data = path.read_bytes()
    digest = digest_bytes(data)
    if digest != _read_digests(folder).get(name):
        raise BackendUnavailable(
            f"weights {path} do not match {_DIGESTS} beside them; install again or run `make micro-weights`"
        )
    return {key: tensor.float() for key, tensor in load(data).items()}, digest


def save_shipped(folder: Path, name: str, tensors: dict[str, torch.Tensor]) -> str:
    """Writes the tensors as float16 and their sha256 into `digests.json`; returns the sha256."""
    data = save({key: tensor.detach().half().contiguous() for key, tensor in tensors.items()})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    digests = _read_digests(folder) | {name: digest_bytes(data)}
    (folder / _DIGESTS).write_text(json.dumps(digests, indent=2, sort_keys=True) + "\n")
    return digests[name]


def _read_digests(folder: Path) -> dict[str, str]:
    path = folder / _DIGESTS
    return dict(json.loads(path.read_text())) if path.is_file() else {}
