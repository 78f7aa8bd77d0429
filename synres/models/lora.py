"""Low-rank adapters (arXiv 2106.09685) on the language model's projections, in the layout PEFT publishes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSizes:
    """`alpha` is in no published file; the originals train with 16. `targets` are projections' names."""

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "v_proj")


class LoraLinear(nn.Linear):
    """x W' + (alpha / rank) x A' B', without bias. B starts at zero, so a new adapter changes nothing."""

    def __init__(self, inputs: int, outputs: int, sizes: LoraSizes) -> None:
        super().__init__(inputs, outputs, bias=False)
        self.lora_A = nn.Linear(inputs, sizes.rank, bias=False)
        self.lora_B = nn.Linear(sizes.rank, outputs, bias=False)
        self.dropout = nn.Dropout(sizes.dropout)
        self.scale = sizes.alpha / sizes.rank
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x: Tensor) -> Tensor:
        adapted: Tensor = self.lora_B(self.lora_A(self.dropout(x)))
        return super().forward(x) + self.scale * adapted

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One plain layer that computes the same."""
        weight = self.weight + self.scale * self.lora_B.weight @ self.lora_A.weight
        plain = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        plain.weight = nn.Parameter(weight)
        return plain


def add_lora(model: nn.Module, sizes: LoraSizes) -> None:
    """Gives every target below `model` an adapter; its weights stay."""
    for parent, name, layer in _linears(model):
        if name in sizes.targets:
            adapter = LoraLinear(layer.in_features, layer.out_features, sizes)
            adapter.to(dtype=layer.weight.dtype, device=layer.weight.device)
            adapter.weight = layer.weight
            setattr(parent, name, adapter)


def merge_lora(model: nn.Module) -> None:
    """Puts every adapter below `model` into its layer's weights."""
    for parent, name, layer in _linears(model):
        if isinstance(layer, LoraLinear):
            setattr(parent, name, layer.merged())


def _linears(model: nn.Module) -> list[tuple[nn.Module, str, nn.Linear]]:
    return [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear)
    ]
