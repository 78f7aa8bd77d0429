"""SANA pipelines with tiny random weights, saved as the folders that people download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderDC,
    DPMSolverMultistepScheduler,
    SanaPipeline,
    SanaSprintPipeline,
    SanaTransformer2DModel,
    SCMScheduler,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import Gemma2Config, Gemma2Model, PreTrainedTokenizerFast

_SENTENCES = ("the red cup on the left", "a small dog near the tall man in blue", "two cars on a wet street")
SIDE = 64


def write_sana(folder: Path) -> Path:
    """A SanaPipeline of 262 KB that draws 64 x 64 pixels."""
    scheduler = DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    SanaPipeline(scheduler=scheduler, **_parts({})).save_pretrained(folder)
    return folder


def write_sprint(folder: Path) -> Path:
    """A SanaSprintPipeline of the same size."""
    extra = {"guidance_embeds": True, "qk_norm": "rms_norm_across_heads"}
    SanaSprintPipeline(scheduler=SCMScheduler(), **_parts(extra)).save_pretrained(folder)
    return folder


def _parts(transformer: dict[str, Any]) -> dict[str, Any]:
    torch.manual_seed(0)
    encoder = Gemma2Model(
        Gemma2Config(
            vocab_size=512, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, head_dim=8, query_pre_attn_scalar=8, sliding_window=64, pad_token_id=0,
            eos_token_id=1, bos_token_id=2,
        )
    )  # fmt: skip
    network = SanaTransformer2DModel(
        in_channels=4, out_channels=4, num_layers=2, num_attention_heads=2, attention_head_dim=8,
        num_cross_attention_heads=2, cross_attention_head_dim=8, cross_attention_dim=16, caption_channels=32,
        sample_size=32, patch_size=1, **transformer,
    )  # fmt: skip
    vae = AutoencoderDC(
        latent_channels=4, attention_head_dim=2, encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"), encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8), encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1),
        encoder_qkv_multiscales=((), (5,)), decoder_qkv_multiscales=((), (5,)), downsample_block_type="conv",
        upsample_block_type="interpolate", scaling_factor=0.41407,
    )  # fmt: skip
    parts = {"text_encoder": encoder, "transformer": network, "vae": vae}
    return {"tokenizer": _tokenizer(), **{name: part.eval() for name, part in parts.items()}}


def _tokenizer() -> PreTrainedTokenizerFast:
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=list(special.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side="right", **special)
