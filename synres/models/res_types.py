"""What goes into a LISA-like model and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from transformers import CLIPVisionConfig, LlamaConfig

from synres.models.lora import LoraSizes
from synres.models.res_image import Size
from synres.models.sam import SamSizes


@dataclass(frozen=True, slots=True, kw_only=True)
class ResSizes:
    """`seg_id` is the id of [SEG], found by its string: no checkpoint's configuration holds it. `rej_id` is
    that of GSVA's [REJ], which the others do not have.

    `projector_depth`: 1 for LISA and GSVA, 2 for GLaMM. `out_dim` is the width of SAM's prompts.
    """

    llama: LlamaConfig
    clip: CLIPVisionConfig
    sam: SamSizes
    seg_id: int
    rej_id: int | None = None
    eos_id: int = 2
    out_dim: int = 256
    select_layer: int = -2
    projector_depth: int = 1
    lora: LoraSizes | None = None


@dataclass(frozen=True, slots=True)
class ImageEncoding:
    """`features` (out_chans, grid, grid) of SAM, `patches` (P, hidden) for LLaMA, and the picture's sizes."""

    features: Tensor
    patches: Tensor
    resized: Size
    original: Size


@dataclass(frozen=True, slots=True)
class Generated:
    """New token ids of a row, and `vectors` (n, out_dim) of each [SEG] in the prompt and after it."""

    ids: list[int]
    vectors: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBatch:
    """I pictures with K conversations: those of picture i are rows offset[i] .. offset[i + 1] - 1.

    sam_pixels (I, 3, S, S) and clip_pixels (I, 3, c, c) float; input_ids, labels (-100: not supervised) and
    attended (K, T); masks[i] (n_i, H_i, W_i) with 0, 1 or, where parts overlap, 2; n_i may be 0.
    """

    sam_pixels: Tensor
    clip_pixels: Tensor
    resized: Sequence[Size]
    input_ids: Tensor
    labels: Tensor
    attended: Tensor
    offset: Sequence[int]
    masks: Sequence[Tensor]
