"""A CoCa of open_clip with 3.4 million random weights, saved as the folders that people download."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from open_clip.coca_model import CoCa
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import save_file

WORDS = "a the red blue white black small large dog cat car man woman chair tree hat street grass on with"
CONTEXT = 20
CONFIG: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "patch_size": 16, "layers": 2, "width": 64, "head_width": 16,
                   "attentional_pool": True, "attn_pooler_heads": 4, "output_tokens": True},
    "text_cfg": {"context_length": CONTEXT, "vocab_size": 49408, "layers": 2, "heads": 2, "width": 32,
                 "embed_cls": True, "output_tokens": True},
    "multimodal_cfg": {"context_length": CONTEXT, "vocab_size": 49408, "layers": 2, "heads": 2, "width": 32,
                       "attn_pooler_heads": 2},
    "custom_text": True,
}  # fmt: skip


def write_coca(folder: Path) -> Path:
    """open_clip's configuration and weights as safetensors; says `WORDS` alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG}))
    save_file(tiny_weights(), folder / "open_clip_model.safetensors")
    return folder


def tiny_weights() -> dict[str, torch.Tensor]:
    """By name, as open_clip has them."""
    torch.manual_seed(0)
    network = CoCa(**{name: value for name, value in CONFIG.items() if name != "custom_text"})
    decoder = network.text_decoder
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.2)
        decoder.text_projection.normal_(0, 0.5)
        # one channel of the decoder is always on, and speaks for the words and the end alone
        decoder.ln_final.bias[0] = 8
        decoder.text_projection[0] = 0
        tokenizer = SimpleTokenizer()
        decoder.text_projection[0, tokenizer.encode(WORDS)] = 2
        decoder.text_projection[0, tokenizer.eot_token_id] = 2.2
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
