"""GSVA (arXiv 2312.10103): one conversation lists the expressions; [REJ] says that one has no target."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from synres.errors import InvalidInput
from synres.models.llava import Prefix
from synres.models.res_answers import forced_states
from synres.models.res_model import ResModel
from synres.models.res_names import Layout
from synres.models.res_types import ResSizes, TrainingBatch


class GsvaModel(ResModel):
    """The core with [REJ] beside [SEG]; an answer slot is one of the two."""

    layout = Layout()

    def __init__(self, sizes: ResSizes) -> None:
        super().__init__(sizes)
        if sizes.rej_id is None:
            raise InvalidInput("the tokenizer has no [REJ], so the checkpoint is not GSVA's")
        self.rej_id = sizes.rej_id

    def training_logits(self, batch: TrainingBatch, features: Tensor, rows: Sequence[Tensor]) -> list[Tensor]:
        """A slot with [REJ] gets logits of zero, which its empty target is held against without gradient."""
        drawn = super().training_logits(batch, features, rows)
        spans = pairwise(batch.offset)
        return [
            _scattered(logits, self.slots(batch.input_ids[start:end]) == self.sizes.seg_id)
            for logits, (start, end) in zip(drawn, spans, strict=True)
        ]

    def training_targets(self, batch: TrainingBatch, logits: Sequence[Tensor]) -> Sequence[Tensor]:
        """Parts that overlap count once, as in the original and unlike LISA."""
        return [(masks > 0).float() for masks in batch.masks]

    def slots(self, ids: Tensor) -> Tensor:
        """The [SEG] and [REJ] of ids (..., T), in order."""
        return ids[(ids == self.sizes.seg_id) | (ids == self.rej_id)]


def _scattered(drawn: Tensor, has_target: Tensor) -> Tensor:
    logits = drawn.new_zeros((len(has_target), *drawn.shape[1:]))
    logits[has_target] = drawn
    return logits


@torch.no_grad()
def forced_decisions(model: GsvaModel, prefix: Prefix, rows: Sequence[Tensor]) -> list[Tensor]:
    """Rows (T_k,) of ids after `prefix`, with true answers -> for each (slots,) bool: a target is there.

    Earlier true answers stay in sight, as in the original.
    """
    return decisions(model, *forced_states(model, prefix, rows))


@torch.no_grad()
def decisions(model: GsvaModel, states: Tensor, tokens: Tensor) -> list[Tensor]:
    """states (K, T, hidden) and the tokens (K, T) that they predict -> for each row (slots,) bool.

    As in the original, a slot whose own token is not the likeliest one flips: at a [SEG] anything else
    rejects, at a [REJ] anything else accepts.
    """
    at_slot = (tokens == model.sizes.seg_id) | (tokens == model.rej_id)
    kept = model.llava.llm.lm_head(states[at_slot]).argmax(-1) == tokens[at_slot]
    accepted = kept == (tokens[at_slot] == model.sizes.seg_id)
    return list(torch.split(accepted, at_slot.sum(1).tolist()))


def with_all_asked(model: GsvaModel, ids: Tensor) -> Tensor:
    """ids (..., T) with every [REJ] turned into [SEG]: read again, they give a mask for every expression."""
    return ids.masked_fill(ids == model.rej_id, model.sizes.seg_id)
