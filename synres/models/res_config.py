"""A published checkpoint's config.json and CLIP's own, as the sizes of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import CLIPVisionConfig, LlamaConfig

from synres.errors import InvalidInput
from synres.models.res_types import ResSizes
from synres.models.sam import SamSizes

# "llava" of the originals is another thing than transformers' own model of that name, so keys are picked
_LLAMA_KEYS = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "hidden_act", "max_position_embeddings", "initializer_range", "rms_norm_eps",
    "bos_token_id", "eos_token_id", "rope_scaling", "rope_theta", "attention_bias",
)  # fmt: skip


def res_sizes(
    config: Mapping[str, Any],
    clip: Mapping[str, Any],
    *,
    seg_id: int,
    rej_id: int | None = None,
    vocabulary: int,
    projector_depth: int = 1,
    sam: SamSizes | None = None,
) -> ResSizes:
    """`config`: of the checkpoint or its base; `clip`: of the vision tower, or of a whole CLIP.

    `vocabulary` counts the added tokens, which the base does not know yet. Raises InvalidInput for a
    configuration that is none of LLaVA's.
    """
    missing = [key for key in ("hidden_size", "num_hidden_layers") if key not in config]
    if missing:
        raise InvalidInput(f"config.json lacks {', '.join(missing)}: it is not of a LLaVA-like checkpoint")
    if config.get("mm_vision_select_feature", "patch") != "patch":
        raise InvalidInput(
            "config.json asks for mm_vision_select_feature other than 'patch', which no RES model has"
        )
    return ResSizes(
        llama=llama_config(config, vocabulary),
        clip=CLIPVisionConfig(**clip.get("vision_config", clip)),
        sam=sam or SamSizes(),
        seg_id=seg_id,
        rej_id=rej_id,
        eos_id=config.get("eos_token_id", 2),
        out_dim=config.get("out_dim", 256),
        select_layer=config.get("mm_vision_select_layer", -2),
        projector_depth=projector_depth,
    )


def llama_config(config: Mapping[str, Any], vocabulary: int) -> LlamaConfig:
    """LLaMA's part of a checkpoint's config.json."""
    known = {key: config[key] for key in _LLAMA_KEYS if config.get(key) is not None}
    # a padding index would stop the gradient of <unk>, which the originals share with padding
    return LlamaConfig(
        **{**known, "vocab_size": vocabulary, "pad_token_id": None, "tie_word_embeddings": False}
    )
