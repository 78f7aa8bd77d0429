"""Writes checkpoints of the fixtures anew: in shards, under other names, damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

FIXTURES = Path(__file__).parents[2] / "fixtures"
SHARD_NAMES = {
    "safetensors": ("model.safetensors", "model-{:05}-of-{:05}.safetensors"),
    "bin": ("pytorch_model.bin", "pytorch_model-{:05}-of-{:05}.bin"),
}


def tensors_of(file: Path) -> dict[str, Tensor]:
    """All tensors of one file, copied into memory."""
    if file.suffix == ".safetensors":
        return load_file(file)
    found: dict[str, Tensor] = torch.load(file, weights_only=True)
    return found


def write_tensors(tensors: dict[str, Tensor], file: Path) -> None:
    """One file, safetensors or `.bin` by its name."""
    if file.suffix == ".safetensors":
        save_file(tensors, file)
    else:
        torch.save(tensors, file)


def write_single(source: Path, target: Path, kind: str) -> Path:
    """A checkpoint's folder again, its weights in one file of `kind`."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.bin", "*.safetensors"))
    (weights,) = [file for file in source.iterdir() if file.suffix in {".bin", ".safetensors"}]
    write_tensors(tensors_of(weights), target / SHARD_NAMES[kind][0])
    return target


def write_sharded(source: Path, target: Path, kind: str, shards: int = 3) -> Path:
    """A checkpoint's folder again, its weights dealt out to `shards` files of `kind` with their index."""
    single = write_single(source, target, kind)
    whole, pattern = SHARD_NAMES[kind]
    tensors = tensors_of(single / whole)
    (single / whole).unlink()
    weight_map = {}
    for shard in range(shards):
        name = pattern.format(shard + 1, shards)
        part = {key: tensors[key] for key in sorted(tensors)[shard::shards]}
        write_tensors(part, target / name)
        weight_map |= dict.fromkeys(part, name)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (target / f"{whole}.index.json").write_text(json.dumps(index))
    return target


def edit_json(file: Path, **changes: object) -> None:
    """Sets keys; None removes one."""
    known = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in known.items() if value is not None}))
