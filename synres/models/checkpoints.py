"""Published checkpoints of LISA, GSVA and GLaMM, as they lie on disk.

Merged (a Hugging Face folder, sharded or not); un-merged (PEFT's names and adapters, over the configuration
of a base); GSVA's raw `.bin` over a base LLaVA. Names come out as in a merged checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from synres.errors import BackendUnavailable, NotFound
from synres.models.weight_files import find_weights, read_tensors, require_indexed

_PREFIX = "base_model.model."
_ADAPTERS = (".lora_A.", ".lora_B.")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`tensors` and `lora` (adapters) by published name without PEFT's prefix, mapped from their files.

    `config` is config.json as it stands, the first of `files`; the others hold weights. `lora_rank` is read
    from the adapters, 0 without any: no published file states it, and a loader that assumes none drops
    them without a word.
    """

    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    lora: Mapping[str, Tensor]
    lora_rank: int
    files: tuple[Path, ...]

    @property
    def published(self) -> dict[str, Tensor]:
        """`tensors` and `lora` in one table, as a model is filled from it."""
        return {**self.tensors, **self.lora}


def read_checkpoint(path: Path, base: Path | None = None) -> Checkpoint:
    """`path` is a folder or a file of weights; `base` a folder that gives what `path` lacks: the
    configuration, and tensors.

    Raises NotFound for a path that is not there, UnsafePath for an index that leads out of its folder, and
    BackendUnavailable for weights or a configuration that are missing, cut short, unsafe or unreadable.
    """
    found: dict[str, Tensor] = {}
    files: list[Path] = []
    for source in [base, path] if base else [path]:
        tensors, read = _weights(source)
        found |= tensors
        files += read
    lora = {name: tensor for name, tensor in found.items() if _is_adapter(name)}
    plain = {name: tensor for name, tensor in found.items() if name not in lora}
    config = _config_file(path, base)
    return Checkpoint(read_json_object(config), plain, lora, _rank(path, lora), (config, *files))


def _weights(source: Path) -> tuple[dict[str, Tensor], list[Path]]:
    if not source.exists():
        raise NotFound(f"{source} is not there; give the folder of a checkpoint")
    files = find_weights(source)
    tensors = read_tensors(files)
    require_indexed(source, tensors)
    return {name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items()}, files


def _is_adapter(name: str) -> bool:
    return any(mark in name for mark in _ADAPTERS)


def _rank(path: Path, lora: Mapping[str, Tensor]) -> int:
    down, up = _ADAPTERS
    ranks = {tensor.shape[0] if down in name else tensor.shape[1] for name, tensor in lora.items()}
    single = [
        name for name in lora if name.replace(down, up) not in lora or name.replace(up, down) not in lora
    ]
    if single or len(ranks) > 1:
        what = f"half of the adapter {single[0]}" if single else f"adapters of ranks {sorted(ranks)}"
        raise BackendUnavailable(f"{path} holds {what}; fetch the checkpoint again")
    return ranks.pop() if ranks else 0


def _config_file(path: Path, base: Path | None) -> Path:
    folders = [path if path.is_dir() else path.parent, *([base] if base else [])]
    for file in [folder / "config.json" for folder in folders]:
        if file.is_file():
            return file
    raise BackendUnavailable(
        f"{path} has no config.json; name the base checkpoint that it was trained from (option base)"
    )


def read_json_object(file: Path) -> dict[str, Any]:
    """Raises BackendUnavailable for a file that is no JSON object."""
    try:
        found = json.loads(file.read_text())
    except ValueError as error:
        raise BackendUnavailable(f"{file} is not JSON; fetch it again") from error
    if not isinstance(found, dict):
        raise BackendUnavailable(f"{file} is no JSON object; fetch it again")
    return found
