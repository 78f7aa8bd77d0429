"""SAM (arXiv 2304.02643) as LISA-like models use it: encode once, draw a mask from a vector."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers.models.sam.configuration_sam import (
    SamConfig,
    SamMaskDecoderConfig,
    SamPromptEncoderConfig,
    SamVisionConfig,
)
from transformers.models.sam.modeling_sam import SamMaskDecoder, SamPromptEncoder, SamVisionEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class SamSizes:
    """No checkpoint's configuration holds SAM's sizes; the defaults are ViT-H, as in all published ones."""

    image_size: int = 1024
    patch_size: int = 16
    encoder_dim: int = 1280
    encoder_depth: int = 32
    encoder_heads: int = 16
    encoder_window_size: int = 14
    encoder_global_attn_indexes: tuple[int, ...] = (7, 15, 23, 31)
    out_chans: int = 256
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp_dim: int = 2048
    iou_head_depth: int = 3
    iou_head_hidden_dim: int = 256
    num_multimask_outputs: int = 3
    mask_in_chans: int = 16


class Sam(nn.Module):
    """Grid = image_size / patch_size. Modules are transformers' own; `sam_names` has the published names."""

    def __init__(self, sizes: SamSizes) -> None:
        super().__init__()
        self.sizes = sizes
        config = _transformers_config(sizes)
        self.vision_encoder = SamVisionEncoder(config.vision_config)
        self.prompt_encoder = SamPromptEncoder(config)
        self.mask_decoder = SamMaskDecoder(config.mask_decoder_config)
        # random directions, as in the published code a buffer and no weight
        self.prompt_encoder.shared_embedding.positional_embedding.requires_grad_(False)

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """(B, 3, side, side), normalised and padded -> features (B, out_chans, grid, grid)."""
        features: Tensor = self.vision_encoder(pixels).last_hidden_state
        return features

    def decode(self, features: Tensor, vectors: Tensor) -> Tensor:
        """features (out_chans, grid, grid) and n vectors (n, out_chans) -> logits (n, 4 grid, 4 grid)."""
        side = 4 * features.shape[-1]
        if len(vectors) == 0:
            return vectors.new_zeros((0, side, side))
        return self._decode_all(features[None], vectors[None, :, None])[0, :, 0]

    def _decode_all(self, features: Tensor, sparse: Tensor) -> Tensor:
        _, dense = self.prompt_encoder(None, None, None, None)
        masks: Tensor
        masks, _ = self.mask_decoder(
            image_embeddings=features,
            image_positional_embeddings=self._places(),
            sparse_prompt_embeddings=sparse.to(features.dtype),
            dense_prompt_embeddings=dense,
            # the one mask of token 0; the other three are for ambiguous clicks
            multimask_output=False,
        )
        return masks

    def _places(self) -> Tensor:
        """(1, out_chans, grid, grid): the positional encoding of the centres of the grid's cells."""
        side = self.sizes.image_size // self.sizes.patch_size
        like = self.prompt_encoder.no_mask_embed.weight
        centres = (torch.arange(side, device=like.device, dtype=like.dtype) + 0.5) / side
        ys, xs = torch.meshgrid(centres, centres, indexing="ij")
        places: Tensor = self.prompt_encoder.shared_embedding(torch.stack([xs, ys], dim=-1))
        return places.permute(2, 0, 1)[None]


def _transformers_config(sizes: SamSizes) -> SamConfig:
    config = SamConfig(
        vision_config=_vision_config(sizes),
        prompt_encoder_config=SamPromptEncoderConfig(
            hidden_size=sizes.out_chans,
            image_size=sizes.image_size,
            patch_size=sizes.patch_size,
            mask_input_channels=sizes.mask_in_chans,
        ),
        mask_decoder_config=_decoder_config(sizes),
    )
    # the decoder is no PreTrainedModel, so nobody else chooses
    config.mask_decoder_config._attn_implementation = "sdpa"
    return config


def _vision_config(sizes: SamSizes) -> SamVisionConfig:
    return SamVisionConfig(
        hidden_size=sizes.encoder_dim,
        output_channels=sizes.out_chans,
        num_hidden_layers=sizes.encoder_depth,
        num_attention_heads=sizes.encoder_heads,
        image_size=sizes.image_size,
        patch_size=sizes.patch_size,
        window_size=sizes.encoder_window_size,
        global_attn_indexes=list(sizes.encoder_global_attn_indexes),
        num_pos_feats=sizes.out_chans // 2,
        # the library's 1e-10 makes an untrained encoder all zeros
        initializer_range=0.02,
    )


def _decoder_config(sizes: SamSizes) -> SamMaskDecoderConfig:
    return SamMaskDecoderConfig(
        hidden_size=sizes.out_chans,
        mlp_dim=sizes.decoder_mlp_dim,
        num_hidden_layers=sizes.decoder_depth,
        num_attention_heads=sizes.decoder_heads,
        num_multimask_outputs=sizes.num_multimask_outputs,
        iou_head_depth=sizes.iou_head_depth,
        iou_head_hidden_dim=sizes.iou_head_hidden_dim,
        # as published; the library's default is the encoder's 1e-6
        layer_norm_eps=1e-5,
    )
