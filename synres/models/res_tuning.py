"""LISA, GSVA and GLaMM made ready for fine-tuning: from their base, or on from a published checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import torch
from msgspec import Meta
from torch import Tensor

from synres.domain.choice import nearest
from synres.errors import InvalidInput
from synres.models.lora import LoraSizes
from synres.models.res_base import load_base, with_new_lora
from synres.models.res_families import ResOptions
from synres.models.res_model import ResModel
from synres.models.res_open import PRECISIONS, ResParts, open_network
from synres.models.res_training import adapt_alpha, read_trained, train_only_its_parts

_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


# without slots, so that a family's own options can stand beside these
@dataclass(frozen=True, kw_only=True)
class TuningOptions(ResOptions):
    """Of the adapters, as in the originals unless told otherwise; `lora_targets` are projections of LLaMA.

    `precision` is that of what is frozen, and of the arithmetic where it may be; trained parts are float32.
    `activation_checkpointing` computes the language model's layers twice instead of keeping what is inside
    them. `side`: most pixels of a whole training picture's longer side (0: no bound), and the side of mosaics
    (0: SAM's own).
    """

    lora_rank: Annotated[int, Meta(ge=1, le=1024)] = 8
    lora_dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.05
    lora_targets: str = "q_proj,v_proj"
    activation_checkpointing: bool = False
    side: Annotated[int, Meta(ge=0, le=4096)] = 0

    @property
    def lora(self) -> LoraSizes:
        """Raises InvalidInput for a target that LLaMA does not have."""
        targets = tuple(sorted({name.strip() for name in self.lora_targets.split(",")}))
        for name in targets:
            if name not in _PROJECTIONS:
                raise InvalidInput(
                    f"option lora_targets names {name!r}{nearest(name, _PROJECTIONS)}; give some of"
                    f" {', '.join(_PROJECTIONS)}, with commas between"
                )
        return LoraSizes(
            rank=self.lora_rank, alpha=self.lora_alpha, dropout=self.lora_dropout, targets=targets
        )


def open_for_training(parts: ResParts, options: TuningOptions, weights: bytes | None, seed: int) -> ResModel:
    """On the CPU, with gradients for the trained parts alone. `weights`: what another training has left.

    Adapters that nothing holds yet, and a base's new parts, are drawn from `seed`. Raises as `open_network`
    does, and InvalidInput for options that are at odds with the adapters that are there.
    """
    check_tuning(options)
    model = _opened(parts, options, weights, seed)
    _require_same(parts, model, options.lora)
    train_only_its_parts(model)
    held = parts.checkpoint.published if weights is None else read_trained(weights)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.data = _own(parameter, held.get(model.published_name(name)))
    if weights is not None:
        adapt_alpha(model)
    if options.activation_checkpointing:
        model.llava.llm.activation_checkpointing_enable()
    return model


def check_tuning(options: TuningOptions) -> None:
    """Raises InvalidInput for options that no training can have."""
    if options.precision == "fp16":
        raise InvalidInput("option precision: fp16 gradients vanish without scaling; train in bf16 or fp32")
    options.lora  # noqa: B018


def _opened(parts: ResParts, options: TuningOptions, weights: bytes | None, seed: int) -> ResModel:
    dtype = PRECISIONS[options.precision]
    if weights is None and parts.is_base:
        sizes = replace(parts.sizes(), lora=options.lora)
        tensors, clip = parts.checkpoint.published, parts.clip_tensors()
        return load_base(
            parts.family.network, sizes, llava=tensors, sam={}, clip=clip, seed=seed, dtype=dtype
        )
    model = open_network(parts, weights, lora=options.lora, dtype=dtype)
    if model.sizes.lora is not None:
        return model
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return with_new_lora(model, replace(model.sizes, lora=options.lora))


def _require_same(parts: ResParts, model: ResModel, wanted: LoraSizes) -> None:
    """Adapters go on as they are: another rank or target would have to begin anew."""
    found = model.sizes.lora
    if found is not None and (found.rank, found.targets) != (wanted.rank, wanted.targets):
        raise InvalidInput(
            f"the adapters to go on from have lora_rank {found.rank} and lora_targets"
            f" {','.join(found.targets)}: give these as options to train {parts.folders[0].name}"
        )


def _own(parameter: Tensor, held: Tensor | None) -> Tensor:
    """A copy in float32, from what the file holds where that is the same: half of its digits may be lost."""
    source = held if held is not None and held.shape == parameter.shape else parameter
    return source.detach().to(torch.float32, copy=True)
