"""A LISA-like model before its first training: LLaVA's weights, SAM's and CLIP's, and new parts between."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from synres.errors import InvalidInput
from synres.models.lora import add_lora
from synres.models.res_load import Tensors, load_published, without_prefix
from synres.models.res_model import ResModel, text_network
from synres.models.res_types import ResSizes

Model = TypeVar("Model", bound=ResModel)

_VOCABULARY = ("model.embed_tokens.weight", "lm_head.weight")


def load_base(
    family: type[Model],
    sizes: ResSizes,
    *,
    llava: Tensors,
    sam: Tensors,
    clip: Tensors,
    seed: int,
    dtype: torch.dtype = torch.float32,
) -> Model:
    """`llava`: the base checkpoint, `sam`: SAM's own, `clip`: CLIP's own folder.

    Rows of added tokens, the network between states and masks, and adapters, if `sizes.lora` asks for them,
    are drawn from `seed`. Raises InvalidInput as `load_published` does.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tensors = _grown(without_prefix(llava), sizes) | _new_network(sizes)
        tensors |= {f"model.{family.layout.sam_root}.{name}": tensor for name, tensor in sam.items()}
        model = load_published(family, sizes, tensors, clip, dtype)
        return with_new_lora(model, sizes)


def with_new_lora(model: Model, sizes: ResSizes) -> Model:
    """Gives a merged model the adapters that `sizes.lora` asks for; they change nothing before training."""
    if sizes.lora is not None:
        add_lora(model.llava.llm, sizes.lora)
    model.sizes = replace(model.sizes, lora=sizes.lora)
    return model


def _grown(tensors: dict[str, Tensor], sizes: ResSizes) -> dict[str, Tensor]:
    return tensors | {n: _more_rows(tensors[n], sizes) for n in _VOCABULARY if n in tensors}


def _more_rows(matrix: Tensor, sizes: ResSizes) -> Tensor:
    added = sizes.llama.vocab_size - len(matrix)
    if added < 0:
        raise InvalidInput(
            f"the base checkpoint knows {len(matrix)} tokens, {-added} more than were asked for"
        )
    rows = torch.empty((added, matrix.shape[1])).normal_(0, sizes.llama.initializer_range)
    return torch.cat([matrix, rows.to(matrix)])


def _new_network(sizes: ResSizes) -> dict[str, Tensor]:
    network: nn.Module = text_network(sizes.llama.hidden_size, sizes.out_dim)
    return {f"model.text_hidden_fcs.0.{name}": tensor for name, tensor in network.state_dict().items()}
