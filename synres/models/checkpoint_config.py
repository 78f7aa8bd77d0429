"""What a checkpoint's config.json and tensors say about its sizes, checked before anything is built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
import torch

from synres.errors import BackendUnavailable
from synres.models.checkpoints import Checkpoint
from synres.models.llama_tokens import LlamaTokens
from synres.models.res_config import res_sizes
from synres.models.res_types import ResSizes
from synres.models.sam_shapes import sam_sizes
from synres.typed_json import fit

Count = Annotated[int, msgspec.Meta(ge=1)]
Fraction = Annotated[float, msgspec.Meta(gt=0)]
# LISA and GSVA, then GLaMM, which writes other names than it reads
_TOWER_KEYS = ("vision_tower", "mm_vision_tower", "vision_module", "mm_vision_module")
_EMBEDDING, _NETWORK = "model.embed_tokens.weight", "model.text_hidden_fcs.0.2.weight"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointConfig:
    """Sizes as config.json states them, apart from `vocabulary` (rows of the embedding: a base does not know
    the added tokens), `projector_depth` (its linear layers) and `out_dim`, which the tensors state.

    `vision_tower` names CLIP: a folder or a hub id. `sam_decoder_heads` is ours: nothing published has it.
    """

    hidden_size: Count
    intermediate_size: Count
    num_hidden_layers: Count
    num_attention_heads: Count
    num_key_value_heads: Count
    vocabulary: Count
    projector_depth: Count
    out_dim: Count
    mm_hidden_size: Count
    vision_tower: str
    rms_norm_eps: Fraction = 1e-6
    mm_vision_select_layer: int = -2
    sam_decoder_heads: Count = 8


def checkpoint_config(checkpoint: Checkpoint) -> CheckpointConfig:
    """Raises BackendUnavailable, naming the key, when one is missing, of another kind, or at odds with the
    tensors."""
    told = {key: value for key, value in checkpoint.config.items() if value is not None}
    told["vision_tower"] = _tower(told)
    told.setdefault("num_key_value_heads", told.get("num_attention_heads"))
    try:
        config = fit({**told, **_from_tensors(checkpoint)}, CheckpointConfig)
    except msgspec.ValidationError as error:
        raise BackendUnavailable(f"{checkpoint.files[0]} does not fit: {error}") from error
    _require_agreement(config, checkpoint)
    return config


def published_sizes(
    checkpoint: Checkpoint, clip: Mapping[str, Any], tokens: LlamaTokens, sam_root: str
) -> ResSizes:
    """Everything that a model of this checkpoint needs to be built; `clip` is the vision tower's config.json.

    `sam_root`: "visual_model" or "grounding_encoder". Raises BackendUnavailable as `checkpoint_config` does,
    and when the tokenizer has more ids than the embedding has rows.
    """
    config = checkpoint_config(checkpoint)
    if len(tokens) > config.vocabulary:
        raise BackendUnavailable(
            f"the tokenizer has {len(tokens)} ids, the checkpoint's embedding only {config.vocabulary} rows: "
            "they are of two models"
        )
    return res_sizes(
        {**checkpoint.config, "out_dim": config.out_dim},
        clip,
        seg_id=tokens.ids["[SEG]"],
        rej_id=tokens.ids.get("[REJ]"),
        vocabulary=config.vocabulary,
        projector_depth=config.projector_depth,
        sam=sam_sizes(checkpoint.tensors, f"model.{sam_root}.", config.sam_decoder_heads),
    )


def base_sizes(
    checkpoint: Checkpoint, clip: Mapping[str, Any], tokens: LlamaTokens, sam_root: str
) -> ResSizes:
    """As `published_sizes`, for a LLaVA with SAM beside it: of the model that its first training makes of it.

    The vocabulary grows by the tokens that it lacks; SAM's width is that of the network before it.
    """
    tensors = checkpoint.tensors
    width = sam_sizes(tensors, f"model.{sam_root}.").out_chans
    try:
        rows, hidden = tensors[_EMBEDDING].shape
    except KeyError as error:
        raise BackendUnavailable(f"the checkpoint lacks {error}: it is no LLaVA") from error
    grown = {
        _EMBEDDING: torch.empty((max(rows, len(tokens)), hidden), device="meta"),
        _NETWORK: torch.empty((width, hidden), device="meta"),
    }
    return published_sizes(replace(checkpoint, tensors={**tensors, **grown}), clip, tokens, sam_root)


def draws_masks(checkpoint: Checkpoint) -> bool:
    """False for a plain LLaVA, before its first training."""
    return _NETWORK in checkpoint.tensors


def vision_tower(checkpoint: Checkpoint) -> str:
    """CLIP as config.json names it, a folder or a hub id. Raises BackendUnavailable when it names none."""
    found = _tower(checkpoint.config)
    if not isinstance(found, str):
        raise BackendUnavailable(f"{checkpoint.files[0]} names no vision_tower: give CLIP by option clip")
    return found


def _tower(config: Mapping[str, Any]) -> object:
    return next((config[key] for key in _TOWER_KEYS if config.get(key) is not None), None)


def _from_tensors(checkpoint: Checkpoint) -> dict[str, int]:
    tensors = checkpoint.tensors
    try:
        return {
            "vocabulary": tensors[_EMBEDDING].shape[0],
            "projector_depth": len(_matching(checkpoint, r"model\.mm_projector\.(\d+\.)?weight")),
            "out_dim": tensors[_NETWORK].shape[0],
        }
    except KeyError as error:
        raise BackendUnavailable(f"the checkpoint lacks {error}: it is no LISA, GSVA or GLaMM") from error


def _require_agreement(config: CheckpointConfig, checkpoint: Checkpoint) -> None:
    layers = len(_matching(checkpoint, r"model\.layers\.\d+\.input_layernorm\.weight"))
    width = checkpoint.tensors[_EMBEDDING].shape[1]
    stated = {
        "num_hidden_layers": (config.num_hidden_layers, layers),
        "hidden_size": (config.hidden_size, width),
    }
    for key, (told, found) in stated.items():
        if told != found:
            raise BackendUnavailable(
                f"{checkpoint.files[0]} says {key} {told}, the tensors say {found}: they are of two models"
            )


def _matching(checkpoint: Checkpoint, pattern: str) -> list[str]:
    return [name for name in checkpoint.tensors if re.fullmatch(pattern, name)]
