"""Models of the real architectures with tiny random weights, saved as the folders that people download."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import (
    CLIPSegConfig,
    CLIPSegForImageSegmentation,
    CLIPTokenizer,
    Sam3Config,
    Sam3ImageProcessor,
    Sam3Model,
    ViTImageProcessorPil,
)

_CHARACTERS = [chr(code) for code in range(33, 127)]
_START, _END = "<|startoftext|>", "<|endoftext|>"
TEXT_CONTEXT = 32


def write_clipseg(folder: Path) -> Path:
    """CLIPSeg with 99 thousand weights, 64 pixels a side."""
    text = _clip_tokenizer(folder) | {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2}
    vision = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 4, "num_attention_heads": 4,
              "image_size": 64, "patch_size": 16}  # fmt: skip
    config = CLIPSegConfig(
        text_config=text | {"num_attention_heads": 4}, vision_config=vision, projection_dim=32, reduce_dim=16,
        decoder_num_attention_heads=4, decoder_intermediate_size=32, extract_layers=[1, 2, 3],
        conditional_layer=0,
    )  # fmt: skip
    torch.manual_seed(0)
    _spread(CLIPSegForImageSegmentation(config)).save_pretrained(folder)
    side = {"height": 64, "width": 64}
    ViTImageProcessorPil(
        size=side, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]
    ).save_pretrained(folder)
    return folder


def write_sam3(folder: Path) -> Path:
    """SAM 3 with some 300 thousand weights, 112 pixels a side, ten queries."""
    text = _clip_tokenizer(folder) | {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    vit = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
           "image_size": 112, "patch_size": 14, "window_size": 4, "global_attn_indexes": [1],
           "pretrain_image_size": 56}  # fmt: skip
    small = {"hidden_size": 32, "num_attention_heads": 4}
    layers = small | {"num_layers": 2, "intermediate_size": 64}
    config = Sam3Config(
        vision_config={"backbone_config": vit | {"model_type": "sam3_vit_model"}, "fpn_hidden_size": 32,
                       "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]]},
        text_config=text | {"num_attention_heads": 4, "projection_dim": 32, "model_type": "clip_text_model"},
        geometry_encoder_config=layers | {"num_layers": 1}, detr_encoder_config=layers,
        detr_decoder_config=layers | {"num_queries": 10},
        mask_decoder_config=small | {"num_upsampling_stages": 2},
    )  # fmt: skip
    torch.manual_seed(0)
    _spread(Sam3Model(config)).save_pretrained(folder)
    Sam3ImageProcessor(size={"height": 112, "width": 112}).save_pretrained(folder)
    return folder


def _spread(network: torch.nn.Module) -> torch.nn.Module:
    """Weights wide enough that masks differ from word to word; the defaults give nearly constant logits."""
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.2)
    return network.eval()


def _clip_tokenizer(folder: Path) -> dict[str, int]:
    """A tokenizer of printable ASCII, and what a text configuration must say of it."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [*_CHARACTERS, *(f"{character}</w>" for character in _CHARACTERS), _START, _END]
    (folder / "vocab.json").write_text(json.dumps({entry: place for place, entry in enumerate(entries)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    last = len(entries) - 1
    return {"vocab_size": len(entries), "max_position_embeddings": TEXT_CONTEXT,
            "bos_token_id": last - 1, "eos_token_id": last, "pad_token_id": last}  # fmt: skip
