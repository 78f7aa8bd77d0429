"""Loads a diffusers pipeline from a folder: no network, no pickles, no code from the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from services.generator.painter import Painter
from synres.errors import BackendUnavailable, Overloaded
from synres.models.devices import torch_device

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def load_painter(folder: Path, precision: str, device: str = "") -> Painter:
    """On `device`, by default the one that `SYNRES_DEVICE` says; on the CPU with one thread, so that pictures
    do not hang on the number of cores.

    Raises BackendUnavailable for a folder without a loadable pipeline or a GPU that torch does not see,
    Overloaded for a GPU without room.
    """
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    device = device or torch_device()
    if device == "cpu":
        torch.set_num_threads(1)
    pipeline = _read(folder, precision)
    pipeline.set_progress_bar_config(disable=True)
    try:
        return Painter(pipeline.to(device))
    except torch.OutOfMemoryError as error:
        raise Overloaded(
            f"the GPU has no room for {folder.name}: free it, or take a smaller model"
        ) from error


def _read(folder: Path, precision: str) -> Any:
    try:
        return diffusers.DiffusionPipeline.from_pretrained(
            str(folder),
            local_files_only=True,
            use_safetensors=True,
            dtype=_dtypes(folder, precision),
            variant=precision if any(folder.glob(f"*/*.{precision}.*")) else None,
        )
    except (OSError, ValueError, KeyError, AttributeError, ImportError) as error:
        first = str(error).strip().split("\n")[0][:300]
        raise BackendUnavailable(f"{folder} holds no pipeline that diffusers can load: {first}") from error


def _dtypes(folder: Path, precision: str) -> dict[str, torch.dtype]:
    """SANA's text encoder and autoencoder overflow in fp16: they stay bf16 beside such a transformer."""
    wanted = _DTYPES[precision]
    index = json.loads((folder / "model_index.json").read_text())
    if str(index.get("_class_name")).startswith("Sana") and precision == "fp16":
        return {"transformer": wanted, "default": torch.bfloat16}
    return {"default": wanted}
