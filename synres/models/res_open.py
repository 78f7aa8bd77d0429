"""LISA, GSVA and GLaMM by name: the folders that a model is made of, and the network that they make.

A folder holds a published checkpoint, or a base: LLaVA, which draws no masks before it was trained to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from synres.errors import ArtifactCorrupt, BackendUnavailable, InvalidInput
from synres.models.catalogue import KNOWN, SAM_VIT_H
from synres.models.checkpoint_config import base_sizes, draws_masks, published_sizes, vision_tower
from synres.models.checkpoints import Checkpoint, read_checkpoint, read_json_object
from synres.models.folders import ModelFolder, folder_of, open_model
from synres.models.llama_tokens import LlamaTokens, read_tokens
from synres.models.lora import LoraSizes
from synres.models.res_families import ResFamily, ResOptions
from synres.models.res_load import load_published
from synres.models.res_model import ResModel
from synres.models.res_training import read_trained, trained_names
from synres.models.res_types import ResSizes
from synres.models.weight_files import find_weights, read_tensors

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class ResParts:
    """`folders`, the model's own first; `checkpoint`: its tensors, over those of its base and of SAM."""

    family: ResFamily
    folders: tuple[ModelFolder, ...]
    checkpoint: Checkpoint
    clip: ModelFolder
    tokens: LlamaTokens

    @property
    def is_base(self) -> bool:
        return not draws_masks(self.checkpoint)

    def clip_tensors(self) -> dict[str, Tensor]:
        return read_tensors(find_weights(self.clip.path))

    def sizes(self) -> ResSizes:
        """Raises BackendUnavailable where the folders do not fit one another."""
        config = read_json_object(self.clip.path / "config.json")
        sizes_of = base_sizes if self.is_base else published_sizes
        return sizes_of(self.checkpoint, config, self.tokens, self.family.network.layout.sam_root)


def find_res(model: str, family: ResFamily, options: ResOptions) -> ResParts:
    """Reads no weights yet. Raises BackendUnavailable for a model that is not there or cannot be read."""
    main = open_model(model)
    needs = {KNOWN[name].backend: name for name in KNOWN[main.name].needs} if main.name in KNOWN else {}
    base = _optional(options.base or needs.get("llava", ""))
    checkpoint = read_checkpoint(main.path, base.path if base else None)
    sam = _optional(options.sam or needs.get("sam") or ("" if draws_masks(checkpoint) else SAM_VIT_H))
    clip = open_model(options.clip or needs.get("clip") or _tower(checkpoint, main))
    tokens = read_tokens(_tokenizer_folder(main, base).path, family.tokens)
    folders = tuple(folder for folder in (main, clip, base, sam) if folder)
    return ResParts(family, folders, _with_sam(checkpoint, sam, family), clip, tokens)


def open_network(
    parts: ResParts,
    trained: bytes | None = None,
    *,
    lora: LoraSizes | None = None,
    dtype: torch.dtype = torch.float32,
) -> ResModel:
    """On the CPU. `trained`: safetensors that a training of this model has left, in place of its own parts.
    `lora`: alpha and dropout of a checkpoint's adapters, which no file states.

    Raises BackendUnavailable where the folders do not fit one another or are a base alone, ArtifactCorrupt
    for trained weights of another model.
    """
    overlay = {} if trained is None else read_trained(trained)
    tensors = parts.checkpoint.published | overlay
    try:
        sizes = replace(parts.sizes(), lora=lora or LoraSizes())
        model = load_published(parts.family.network, sizes, tensors, parts.clip_tensors(), dtype)
    except InvalidInput as error:
        if trained is None:
            raise BackendUnavailable(f"model {_names(parts)}: {error}") from error
        raise ArtifactCorrupt(f"trained weights do not fit model {_names(parts)}: {error}") from error
    if trained is not None:
        _require_own(parts, model, overlay)
    return model


def _require_own(parts: ResParts, model: ResModel, overlay: Mapping[str, Tensor]) -> None:
    """Else what the weights lack would be taken from the folder, and what they add would be no training's."""
    wanted = {model.published_name(name) for name in trained_names(model)}
    wrong = sorted(wanted ^ set(overlay))
    if wrong:
        what = "lack" if wrong[0] in wanted else "hold"
        raise ArtifactCorrupt(
            f"trained weights do not fit model {parts.folders[0].name}: they {what} {wrong[0]}"
        )


def _names(parts: ResParts) -> str:
    return " with ".join(folder.name for folder in parts.folders)


def _optional(name: str) -> ModelFolder | None:
    return open_model(name) if name else None


def _with_sam(checkpoint: Checkpoint, sam: ModelFolder | None, family: ResFamily) -> Checkpoint:
    """What the checkpoint lacks of SAM, from SAM's own file."""
    if sam is None:
        return checkpoint
    root = f"model.{family.network.layout.sam_root}."
    own: Mapping[str, Tensor] = read_tensors(find_weights(sam.path))
    return replace(checkpoint, tensors={root + n: t for n, t in own.items()} | dict(checkpoint.tensors))


def _tower(checkpoint: Checkpoint, main: ModelFolder) -> str:
    """The CLIP that the checkpoint names, where the catalogue does not know the checkpoint."""
    tower = vision_tower(checkpoint)
    try:
        folder_of(tower)
    except InvalidInput as error:
        raise BackendUnavailable(
            f"model {main.name} names its CLIP {tower!r}, which is no model's name: give one by option clip"
        ) from error
    return tower


def _tokenizer_folder(main: ModelFolder, base: ModelFolder | None) -> ModelFolder:
    return main if base is None or "tokenizer.model" in main.files else base
