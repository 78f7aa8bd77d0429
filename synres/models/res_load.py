"""Published tensors into a `ResModel`: every one must find its place, and every place must be filled."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from synres.errors import InvalidInput
from synres.models.lora import LoraSizes
from synres.models.res_model import ResModel
from synres.models.res_names import CLIP_IGNORED, CLIP_ROOT, PEFT_PREFIX
from synres.models.res_types import ResSizes

Model = TypeVar("Model", bound=ResModel)
Tensors = Mapping[str, Tensor]

_NAMES_SHOWN = 10


def load_published(
    family: type[Model],
    sizes: ResSizes,
    tensors: Tensors,
    clip: Tensors | None = None,
    dtype: torch.dtype = torch.float32,
) -> Model:
    """A model of `family` that holds `tensors` themselves where they are of `dtype`, on their device.

    `tensors`: a merged checkpoint, or one of PEFT's with its prefix and adapters, whose rank is read from
    them (`sizes.lora` then gives alpha and dropout). `clip`: CLIP's own folder, wanted where the checkpoint
    holds no vision tower. Raises InvalidInput naming missing, unexpected or misshapen tensors. To change the
    precision, load anew: `model.to(dtype)` would round the angles of the positions too.
    """
    named = with_clip(without_prefix(tensors), clip)
    with torch.device("meta"):
        model = family(replace(sizes, lora=lora_of(named, sizes.lora)))
    _fill(model, named, dtype)
    _restore_buffers(model)
    return model


def without_prefix(tensors: Tensors) -> dict[str, Tensor]:
    """Names as in a merged checkpoint, apart from adapters."""
    return {name.removeprefix(PEFT_PREFIX): tensor for name, tensor in tensors.items()}


def with_clip(tensors: Tensors, clip: Tensors | None) -> dict[str, Tensor]:
    """Adds CLIP's own tensors where the checkpoint, being merged, left the vision tower out."""
    if clip is None or any(name.startswith(CLIP_ROOT) for name in tensors):
        return dict(tensors)
    picture_half = {
        CLIP_ROOT + name.removeprefix("vision_model."): tensor
        for name, tensor in clip.items()
        if not any(re.search(pattern, name) for pattern in CLIP_IGNORED)
    }
    return {**tensors, **picture_half}


def lora_of(tensors: Tensors, wanted: LoraSizes | None) -> LoraSizes | None:
    """The adapters' sizes as the tensors have them; None for a merged checkpoint."""
    adapters = {name: t for name, t in tensors.items() if ".lora_A." in name}
    if not adapters:
        return None
    targets = {name.split(".lora_A.")[0].rsplit(".", 1)[1] for name in adapters}
    rank = next(iter(adapters.values())).shape[0]
    return replace(wanted or LoraSizes(), rank=rank, targets=tuple(sorted(targets)))


def published_shapes(model: ResModel) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor by its published name, without PEFT's prefix; also on the meta device."""
    return {model.published_name(name): tuple(t.shape) for name, t in model.state_dict().items()}


def published_tensors(model: ResModel) -> dict[str, Tensor]:
    """What `load_published` reads back: to save a trained model."""
    return {model.published_name(name): tensor for name, tensor in model.state_dict().items()}


def _fill(model: ResModel, tensors: Tensors, dtype: torch.dtype) -> None:
    places = {model.published_name(name): name for name in model.state_dict()}
    needed = model.layout.needed(tensors)
    missing = [name for name in places if name not in tensors]
    unexpected = [name for name in needed if name not in places]
    _refuse({"misses": missing, "has unexpected": unexpected})
    here = model.state_dict()
    misshapen = [
        f"{n} {tuple(tensors[n].shape)} for {tuple(here[places[n]].shape)}"
        for n in needed
        if tensors[n].shape != here[places[n]].shape
    ]
    _refuse({"has other shapes than its configuration: ": misshapen})
    model.load_state_dict({places[name]: tensors[name].to(dtype) for name in needed}, assign=True)


def _refuse(faults: Mapping[str, Sequence[str]]) -> None:
    said = [f"{what} {_listed(names)}" for what, names in faults.items() if names]
    if said:
        raise InvalidInput(f"the checkpoint {' and '.join(said)}")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _restore_buffers(model: ResModel) -> None:
    """What no checkpoint holds was made on the meta device with everything else."""
    device = model.device
    with device:
        model.llava.llm.model.rotary_emb = LlamaRotaryEmbedding(model.sizes.llama)
    places = torch.arange(model.clip.patches + 1, device=device)[None]
    model.clip.clip.embeddings.position_ids = nn.Buffer(places, persistent=False)
