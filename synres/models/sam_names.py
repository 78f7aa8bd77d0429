"""SAM's published parameter names for the names in transformers' modules."""

from __future__ import annotations

import re

_RULES = (
    (r"^vision_encoder\.", "image_encoder."),
    (r"^image_encoder\.patch_embed\.projection\.", "image_encoder.patch_embed.proj."),
    (r"^image_encoder\.layers\.", "image_encoder.blocks."),
    (r"^(image_encoder\.blocks\.\d+\.)layer_norm", r"\1norm"),
    (r"^image_encoder\.neck\.conv1\.", "image_encoder.neck.0."),
    (r"^image_encoder\.neck\.layer_norm1\.", "image_encoder.neck.1."),
    (r"^image_encoder\.neck\.conv2\.", "image_encoder.neck.2."),
    (r"^image_encoder\.neck\.layer_norm2\.", "image_encoder.neck.3."),
    (
        r"^prompt_encoder\.shared_embedding\.positional_embedding$",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"^prompt_encoder\.point_embed\.", "prompt_encoder.point_embeddings."),
    (r"^prompt_encoder\.mask_embed\.conv1\.", "prompt_encoder.mask_downscaling.0."),
    (r"^prompt_encoder\.mask_embed\.layer_norm1\.", "prompt_encoder.mask_downscaling.1."),
    (r"^prompt_encoder\.mask_embed\.conv2\.", "prompt_encoder.mask_downscaling.3."),
    (r"^prompt_encoder\.mask_embed\.layer_norm2\.", "prompt_encoder.mask_downscaling.4."),
    (r"^prompt_encoder\.mask_embed\.conv3\.", "prompt_encoder.mask_downscaling.6."),
    (r"^(mask_decoder\.transformer\.layers\.\d+\.)layer_norm", r"\1norm"),
    (r"^mask_decoder\.transformer\.layer_norm_final_attn\.", "mask_decoder.transformer.norm_final_attn."),
    (r"^mask_decoder\.upscale_conv1\.", "mask_decoder.output_upscaling.0."),
    (r"^mask_decoder\.upscale_layer_norm\.", "mask_decoder.output_upscaling.1."),
    (r"^mask_decoder\.upscale_conv2\.", "mask_decoder.output_upscaling.3."),
)
_HYPERNETWORK_DEPTH = 3
_MLP = re.compile(
    r"^(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head)\.)"
    r"(proj_in|layers\.(\d+)|proj_out)\."
)


def published_sam_name(name: str, iou_head_depth: int) -> str:
    """`name` in `Sam.state_dict()` -> the name under SAM's root in a published checkpoint."""
    for pattern, replacement in _RULES:
        name = re.sub(pattern, replacement, name)
    found = _MLP.match(name)
    if found is None:
        return name
    depth = iou_head_depth if "iou_prediction_head" in found[1] else _HYPERNETWORK_DEPTH
    place = _place_in_mlp(found[2], found[3], depth)
    return f"{found[1]}layers.{place}.{name[found.end() :]}"


def _place_in_mlp(part: str, middle: str | None, depth: int) -> int:
    if middle is not None:
        return int(middle) + 1
    return 0 if part == "proj_in" else depth - 1
