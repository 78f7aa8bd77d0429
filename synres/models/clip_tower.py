"""The picture's half of CLIP (arXiv 2103.00020), from which the language model sees its patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel


class ClipTower(nn.Module):
    """`select_layer` counts the embeddings' output as 0 and backwards from the last layer's, which is -1."""

    def __init__(self, config: CLIPVisionConfig, select_layer: int) -> None:
        super().__init__()
        self.config = config
        self.select_layer = select_layer
        self.clip = CLIPVisionModel(config)

    @property
    def patches(self) -> int:
        """Number of patches of a picture: 256 at 224 pixels, 576 at 336."""
        side: int = self.config.image_size // self.config.patch_size
        return side * side

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, side, side) normalised -> (B, patches, width), without the class token."""
        layers = self.clip(pixels, output_hidden_states=True).hidden_states
        chosen: Tensor = layers[self.select_layer]
        return chosen[:, 1:]
