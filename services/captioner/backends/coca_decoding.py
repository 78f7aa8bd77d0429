"""Texts from a captioner's next-token logits: nucleus sampling (Holtzman et al. 2019, arXiv 1904.09751) and
diverse beam search (Vijayakumar et al. 2016, arXiv 1610.02424). Knows no network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

NextLogits = Callable[[Tensor], Tensor]
"""ids (rows, t) int64, each row from `start` on -> logits (rows, vocabulary) float32 of the next token."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """`start` and `end` tokens, `unsaid` tokens that never appear between them, fewest and most that do."""

    start: int
    end: int
    unsaid: tuple[int, ...]
    min_tokens: int
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """Token ids between `start` and `end`; mean log-probability of a token; False if `end` was never said."""

    ids: list[int]
    likelihood: float
    ended: bool


def draw_nucleus(probabilities: Tensor, top_p: float, generator: torch.Generator) -> Tensor:
    """(rows, vocabulary) -> a token for each row, (rows, 1).

    A token may be drawn if the mass of the likelier ones before it is at most `top_p`: the first always may.
    """
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    ordered[ordered.cumsum(-1) - ordered > top_p] = 0
    return order.gather(1, torch.multinomial(ordered, 1, generator=generator))


def sample_nucleus(
    next_logits: NextLogits,
    rows: int,
    grammar: Grammar,
    temperature: float,
    top_p: float,
    generator: torch.Generator,
) -> list[Decoded]:
    """`rows` independent samples. The likelihood is the model's own: at temperature 1, all tokens counted."""
    ids, scores = torch.full((rows, 1), grammar.start), torch.zeros(rows)
    while _goes_on(ids, grammar):
        logits = _allowed(next_logits(ids), ids, grammar)
        chosen = draw_nucleus((logits / temperature).softmax(-1), top_p, generator)
        chosen[ids[:, -1] == grammar.end] = grammar.end
        scores += _frozen(logits.log_softmax(-1), ids, grammar).gather(1, chosen)[:, 0]
        ids = torch.cat([ids, chosen], 1)
    return [_decoded(row, score, grammar) for row, score in zip(ids, scores, strict=True)]


def search_diverse(
    next_logits: NextLogits, groups: int, beams: int, grammar: Grammar, penalty: float
) -> list[Decoded]:
    """The best text of each group, in the order in which the groups chose.

    At each step a token that beams of earlier groups took loses `penalty` for each of them in the choice of
    this step (Hamming diversity); the sums that are kept are the bare log-probabilities.
    """
    ids = torch.full((groups * beams, 1), grammar.start)
    scores = torch.full((groups, beams), -torch.inf)
    # all beams of a group are equal at first: one is enough
    scores[:, 0] = 0
    while _goes_on(ids, grammar):
        gains = _frozen(_allowed(next_logits(ids), ids, grammar).log_softmax(-1), ids, grammar)
        scores, parents, words = _choose(scores, gains, ids[:, -1] == grammar.end, penalty)
        ids = torch.cat([ids[parents], words[:, None]], 1)
    found = [_decoded(row, score, grammar) for row, score in zip(ids, scores.flatten(), strict=True)]
    best = [found[start : start + beams] for start in range(0, len(found), beams)]
    return [max(group, key=lambda text: text.likelihood) for group in best]


def _choose(scores: Tensor, gains: Tensor, ended: Tensor, penalty: float) -> tuple[Tensor, Tensor, Tensor]:
    """Scores (groups, beams), gains (rows, vocabulary), ended (rows,) -> the new scores, and for each new
    beam the row that it continues and its token. Rows are groups x beams."""
    groups, beams = scores.shape
    vocabulary = gains.shape[1]
    taken = torch.zeros(vocabulary)
    kept = []
    for group in range(groups):
        own = slice(group * beams, (group + 1) * beams)
        totals = scores[group][:, None] + gains[own]
        # a text that has ended chooses nothing, so it is neither fined nor a reason to fine others
        wanted = totals - penalty * taken * ~ended[own][:, None]
        places = wanted.flatten().topk(beams).indices
        parents, words = own.start + places // vocabulary, places % vocabulary
        kept.append((totals.flatten()[places], parents, words))
        taken += torch.bincount(words[~ended[parents]], minlength=vocabulary)
    new, parents, words = (torch.stack(part) for part in zip(*kept, strict=True))
    return new, parents.flatten(), words.flatten()


def _goes_on(ids: Tensor, grammar: Grammar) -> bool:
    return ids.shape[1] <= grammar.max_tokens and not bool((ids[:, -1] == grammar.end).all())


def _allowed(logits: Tensor, ids: Tensor, grammar: Grammar) -> Tensor:
    barred = list(grammar.unsaid)
    if ids.shape[1] <= grammar.min_tokens:
        barred.append(grammar.end)
    return logits.index_fill(1, torch.tensor(barred), -torch.inf)


def _frozen(gains: Tensor, ids: Tensor, grammar: Grammar) -> Tensor:
    """Rows that have ended go on with `end`, for nothing."""
    still = torch.full_like(gains[:1], -torch.inf)
    still[0, grammar.end] = 0
    return torch.where((ids[:, -1] == grammar.end)[:, None], still, gains)


def _decoded(row: Tensor, score: Tensor, grammar: Grammar) -> Decoded:
    said = [token for token in row[1:].tolist() if token != grammar.end]
    ended = len(said) < len(row) - 1
    return Decoded(said, score.item() / max(len(said) + ended, 1), ended)
