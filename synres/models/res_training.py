"""Which parameters of a LISA-like model its fine-tuning moves, and what it leaves: a file of them alone."""

from __future__ import annotations

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from synres.errors import ArtifactCorrupt
from synres.models.res_model import ResModel
from synres.models.res_names import PEFT_PREFIX

_TRAINED = (
    "llava.llm.lm_head.",
    "llava.llm.model.embed_tokens.",
    "sam.mask_decoder.",
    "text_fcs.",
)
PUBLISHED_ALPHA = 16.0
"""The originals' alpha of LoRA, which no file states: adapters are written as if it had been theirs."""


def trained_names(model: ResModel) -> list[str]:
    """As in all three originals: adapters, vocabulary, mask decoder and the network between.

    CLIP, the projector, SAM's encoder and the rest of the language model stay as they are.
    """
    return [name for name, _ in model.named_parameters() if name.startswith(_TRAINED) or ".lora_" in name]


def train_only_its_parts(model: ResModel) -> list[str]:
    """Asks for the gradients of `trained_names` and of nothing else. Returns them."""
    trained = trained_names(model)
    wanted = set(trained)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in wanted)
    return trained


def save_trained(model: ResModel) -> bytes:
    """safetensors of the trained parts, float32, by their names in un-merged checkpoints; equal for equal
    weights."""
    factor = alpha_of(model) / PUBLISHED_ALPHA
    parameters = dict(model.named_parameters())
    tensors = {
        PEFT_PREFIX + model.published_name(name): _scaled(name, parameters[name].detach(), factor)
        for name in trained_names(model)
    }
    return save(tensors)


def read_trained(data: bytes) -> dict[str, Tensor]:
    """By published name without PEFT's prefix; raises ArtifactCorrupt for bytes that are no safetensors."""
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise ArtifactCorrupt(f"trained weights are no safetensors: {error}") from error
    return {name.removeprefix(PEFT_PREFIX): tensor for name, tensor in tensors.items()}


@torch.no_grad()
def adapt_alpha(model: ResModel) -> None:
    """After `save_trained` and reading: adapters of `PUBLISHED_ALPHA` to the alpha that the model has."""
    factor = PUBLISHED_ALPHA / alpha_of(model)
    for name, parameter in model.named_parameters():
        parameter.copy_(_scaled(name, parameter, factor))


def alpha_of(model: ResModel) -> float:
    return PUBLISHED_ALPHA if model.sizes.lora is None else model.sizes.lora.alpha


def _scaled(name: str, tensor: Tensor, factor: float) -> Tensor:
    tensor = tensor.float().cpu().contiguous()
    return tensor * factor if ".lora_B." in name else tensor
