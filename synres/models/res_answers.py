"""The two protocols. Teacher-forced: the answer with its [SEG] is given, as published numbers are made.
Generated: the model answers by itself, as a user meets it. Many rows at once, behind one shared prefix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synres.models.llava import Prefix, split_prefix
from synres.models.res_losses import IGNORED_LABEL
from synres.models.res_model import ResModel
from synres.models.res_types import Generated, ImageEncoding


@torch.no_grad()
def forced_states(model: ResModel, prefix: Prefix, rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows (T_k,) of ids after `prefix` -> states (K, max T, hidden) and the tokens (K, max T) they predict.

    Padded tokens are -100.
    """
    _, states = model.llava.read(prefix, rows)
    return states[:, :-1], _padded(rows)


def forced_vectors(model: ResModel, prefix: Prefix, rows: Sequence[Tensor]) -> list[Tensor]:
    """Rows (T_k,) of ids after `prefix`, answers with [SEG] among them -> (n_k, out_dim) for each."""
    return model.seg_vectors(*forced_states(model, prefix, rows))


@torch.no_grad()
def forced_masks(model: ResModel, encoding: ImageEncoding, rows: Sequence[Tensor]) -> list[Tensor]:
    """Whole rows (T_k,) of ids that begin alike -> logits (n_k, H, W) for each, drawn in one call."""
    head, tails = split_prefix(rows)
    vectors = forced_vectors(model, model.read_prefix(encoding, head), tails)
    logits = model.decode_masks(encoding, torch.cat(vectors))
    return list(torch.split(logits, [len(v) for v in vectors]))


@torch.no_grad()
def generate(model: ResModel, prefix: Prefix, rows: Sequence[Tensor], max_new_tokens: int) -> list[Generated]:
    """Greedy answers to rows (T_k,) of ids after `prefix`; a row ends with `eos_id`."""
    asked = _padded(rows)
    reading, states = model.llava.read(prefix, rows)
    seen, told = [states[:, :-1]], [asked]
    ended = torch.zeros(len(rows), dtype=torch.bool, device=model.device)
    while len(told) <= max_new_tokens and not bool(ended.all()):
        if len(told) > 1:
            model.llava.read_one(reading, told[-1][:, 0].clamp(min=0))
        chosen = model.llava.llm.lm_head(reading.last).argmax(-1)
        seen.append(reading.last[:, None])
        told.append(chosen.masked_fill(ended, IGNORED_LABEL)[:, None])
        ended = ended | (chosen == model.sizes.eos_id)
    return _answers(model, torch.cat(seen, 1), torch.cat(told, 1), asked.shape[1])


def _answers(model: ResModel, states: Tensor, tokens: Tensor, asked: int) -> list[Generated]:
    vectors = model.seg_vectors(states, tokens)
    new = [row[row != IGNORED_LABEL].tolist() for row in tokens[:, asked:]]
    return [Generated(ids, v) for ids, v in zip(new, vectors, strict=True)]


def _padded(rows: Sequence[Tensor]) -> Tensor:
    return nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=IGNORED_LABEL)
