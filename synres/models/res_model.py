"""What LISA, GSVA and GLaMM have in common: CLIP and LLaMA think, SAM draws.

The state that predicts a [SEG] token becomes, through a small network, the vector from which SAM's decoder
draws a mask (LISA, arXiv 2308.00692). A picture is encoded once, by `encode_image`; any number of rows of
tokens is read and any number of masks drawn from the encoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from synres.models.clip_tower import ClipTower
from synres.models.llava import Llava, Prefix, predicted
from synres.models.lora import add_lora
from synres.models.res_image import Size, clip_pixels, full_size_logits, resized_size, sam_pixels
from synres.models.res_losses import IGNORED_LABEL, Losses, mask_losses
from synres.models.res_names import Layout
from synres.models.res_types import ImageEncoding, ResSizes, TrainingBatch
from synres.models.sam import Sam
from synres.ports import Image


class ResModel(nn.Module):
    """The shared core. What a family changes:

    - `layout`: the published names of its parts, and which of them it never reads (GLaMM's SAM is
      `grounding_encoder`, its `region_encoder` is for boxes).
    - `sizes`: vocabulary, id of [SEG], and the projector's layers (LISA and GSVA 1, GLaMM 2).
    - `training_logits` and `training_targets`: what the mask losses compare (GSVA sets logits of 0 for each
      [REJ], GLaMM drops targets without a [SEG]).

    Tensors that come in lie on `device`; pixels may lie anywhere and be of any precision.
    """

    layout: ClassVar[Layout] = Layout()
    drops_targets: ClassVar[bool] = False
    """The original trains on what is left where a cut took the last [SEG]s; the others' stop there."""

    def __init__(self, sizes: ResSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.clip = ClipTower(sizes.clip, sizes.select_layer)
        self.llava = Llava(sizes.llama, sizes.clip.hidden_size, sizes.projector_depth)
        self.sam = Sam(sizes.sam)
        self.text_fcs = text_network(sizes.llama.hidden_size, sizes.out_dim)
        if sizes.lora is not None:
            add_lora(self.llava.llm, sizes.lora)

    @property
    def dtype(self) -> torch.dtype:
        return next(self.text_fcs.parameters()).dtype

    @property
    def device(self) -> torch.device:
        return next(self.text_fcs.parameters()).device

    def published_name(self, name: str) -> str:
        """`name` of `state_dict` -> its name in published checkpoints, without PEFT's prefix."""
        return self.layout.published(name, self.sizes.sam.iou_head_depth)

    @torch.no_grad()
    def encode_image(self, image: Image) -> ImageEncoding:
        """(H, W, 3) uint8, RGB. One pass of SAM's encoder and one of CLIP, whatever is asked afterwards."""
        return self.sized(image, *self.encode_pixels(image))

    @torch.no_grad()
    def encode_pixels(self, image: Image) -> tuple[Tensor, Tensor]:
        """What is worth keeping of a picture: features (out_chans, grid, grid) and patches (P, hidden)."""
        sam = sam_pixels(image, self.sizes.sam.image_size)[None]
        clip = clip_pixels(image, self.sizes.clip.image_size)[None]
        features, patches = self.encode(sam, clip)
        return features[0], patches[0]

    def sized(self, image: Image, features: Tensor, patches: Tensor) -> ImageEncoding:
        """The encoding of `image`, from what was kept of it."""
        original = (image.shape[0], image.shape[1])
        return ImageEncoding(features, patches, resized_size(original, self.sizes.sam.image_size), original)

    def encode(self, sam: Tensor, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels (B, 3, S, S), (B, 3, c, c) -> features (B, out_chans, g, g), patches (B, P, hidden)."""
        features = self.sam.encode(sam.to(self.device, self.dtype))
        seen = self.clip(clip.to(self.device, self.dtype))
        return features, self.llava.projector(seen)

    def states(self, ids: Tensor, attended: Tensor, patches: Tensor) -> Tensor:
        """ids, attended (K, T), patches (K, P, hidden) -> (K, T + P - 1, hidden), after the final norm."""
        return self.llava.states(ids, attended, patches)

    def predicted(self, tokens: Tensor) -> Tensor:
        """tokens or labels (K, T) -> (K, T + P - 1): what each state predicts, or -100."""
        return predicted(tokens, self.clip.patches, IGNORED_LABEL)

    def seg_vectors(self, states: Tensor, tokens: Tensor) -> list[Tensor]:
        """states (K, S, hidden) and the tokens (K, S) that they predict -> for each row (n_k, out_dim)."""
        return [self.text_fcs(row[tok == self.sizes.seg_id]) for row, tok in zip(states, tokens, strict=True)]

    def decode_masks(self, encoding: ImageEncoding, vectors: Tensor) -> Tensor:
        """vectors (n, out_dim) -> logits (n, H, W) float32; a mask is where they exceed 0. n = 0 is fine."""
        return self._draw(encoding.features, vectors, encoding.resized, encoding.original)

    def read_prefix(self, encoding: ImageEncoding, ids: Tensor) -> Prefix:
        """ids (T,) that hold the picture's -200: read once, for all that is asked of the picture."""
        return self.llava.read_prefix(ids, encoding.patches)

    def forward(self, batch: TrainingBatch) -> Losses:
        """The training losses of a batch."""
        features, patches = self.encode(batch.sam_pixels, batch.clip_pixels)
        counts = torch.tensor(batch.offset, device=self.device).diff()
        states = self.states(batch.input_ids, batch.attended, patches.repeat_interleave(counts, 0))
        vectors = self.seg_vectors(states, self.predicted(batch.input_ids))
        logits = self.training_logits(batch, features, vectors)
        masks = mask_losses(logits, self.training_targets(batch, logits))
        return Losses(self.token_loss(states, batch.labels), *masks)

    def training_logits(self, batch: TrainingBatch, features: Tensor, rows: Sequence[Tensor]) -> list[Tensor]:
        """`features` (I, ...) and each conversation's vectors -> for each picture logits (n_i, H_i, W_i)."""
        spans = zip(batch.offset[:-1], batch.offset[1:], strict=True)
        logits = []
        for i, (start, end) in enumerate(spans):
            original = (batch.masks[i].shape[1], batch.masks[i].shape[2])
            vectors = torch.cat(list(rows[start:end]))
            logits.append(self._draw(features[i], vectors, batch.resized[i], original))
        return logits

    def training_targets(self, batch: TrainingBatch, logits: Sequence[Tensor]) -> Sequence[Tensor]:
        """For each picture the masks (n_i, H_i, W_i) that its logits are held against."""
        return batch.masks

    def token_loss(self, states: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy over the batch's supervised tokens; the head runs on their states only."""
        wanted = self.predicted(labels)
        supervised = wanted != IGNORED_LABEL
        logits = self.llava.llm.lm_head(states[supervised])
        return F.cross_entropy(logits.float(), wanted[supervised])

    def _draw(self, features: Tensor, vectors: Tensor, resized: Size, original: Size) -> Tensor:
        low = self.sam.decode(features, vectors)
        return full_size_logits(low, self.sizes.sam.image_size, resized, original)


def text_network(hidden: int, out_dim: int) -> nn.Sequential:
    """From a state of the language model to a prompt of SAM."""
    return nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, out_dim))
