"""LLaMA with a picture's patches in its text (LLaVA, arXiv 2304.08485): what LISA-like models think with.

A row of token ids holds one -200; the picture's P projected patches take its place, so a row of T ids has
T + P - 1 states. `predicted` lines tokens up with the states that predict them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.cache_utils import DynamicCache

from synres.errors import InvalidInput

IMAGE_ID = -200
PAD_ID = 0


def predicted(tokens: Tensor, patches: int, fill: int) -> Tensor:
    """tokens (K, T) -> (K, T + patches - 1): entry j is the token that state j predicts, or `fill`.

    It takes the one image to stand before every token of interest, as the originals do.
    """
    return F.pad(tokens[:, 1:], (patches - 1, 1), value=fill)


@dataclass(slots=True)
class Prefix:
    """What the model remembers of the tokens that several rows share, the picture among them.

    `last` (hidden,) is the state of the last token; `length` counts patches. What `join_prefixes` gives has
    a row for each row that will be read: `last` is (K, hidden).
    """

    cache: list[tuple[Tensor, Tensor]]
    last: Tensor
    length: int


@dataclass(slots=True)
class Reading:
    """K rows that are being read on. `seen` (K, length so far) bool: what may be looked back at;
    `places` (K,): each row's next position; `last` (K, hidden): the state that predicts its next token."""

    cache: DynamicCache
    seen: Tensor
    places: Tensor
    last: Tensor


class Llava(nn.Module):
    """The language model and the projector of patches. States are those after the final norm."""

    def __init__(self, config: LlamaConfig, patch_width: int, projector_depth: int) -> None:
        super().__init__()
        self.llm = LlamaForCausalLM(config)
        self.projector = _projector(patch_width, config.hidden_size, projector_depth)

    def embed(self, ids: Tensor, patches: Tensor) -> Tensor:
        """ids (K, T) with one -200 a row, patches (K, P, hidden) -> (K, T + P - 1, hidden).

        Raises InvalidInput for a row with no picture, or with several.
        """
        if not bool(((ids == IMAGE_ID).sum(1) == 1).all()):
            raise InvalidInput("each conversation needs exactly one <image>")
        words = self.llm.model.embed_tokens(ids.clamp(min=0))
        places = (ids == IMAGE_ID).int().argmax(1).tolist()
        rows = [
            torch.cat([row[:place], picture, row[place + 1 :]])
            for row, picture, place in zip(words, patches, places, strict=True)
        ]
        return torch.stack(rows)

    def states(self, ids: Tensor, attended: Tensor, patches: Tensor) -> Tensor:
        """ids (K, T), attended (K, T) bool, patches (K, P, hidden) -> (K, T + P - 1, hidden)."""
        mask = F.pad(attended.long(), (patches.shape[1] - 1, 0), value=1)
        return self._run(inputs_embeds=self.embed(ids, patches), attention_mask=mask, use_cache=False)

    def _run(self, **inputs: object) -> Tensor:
        states: Tensor = self.llm.model(**inputs).last_hidden_state
        return states

    @torch.no_grad()
    def read_prefix(self, ids: Tensor, patches: Tensor) -> Prefix:
        """ids (T,) with one -200, patches (P, hidden): read once, for any number of rows."""
        cache = DynamicCache(config=self.llm.config)
        states = self._run(
            inputs_embeds=self.embed(ids[None], patches[None]), past_key_values=cache, use_cache=True
        )
        return Prefix([(layer[0], layer[1]) for layer in cache], states[0, -1], states.shape[1])

    @torch.no_grad()
    def read(self, prefix: Prefix, rows: Sequence[Tensor]) -> tuple[Reading, Tensor]:
        """Reads K rows of ids (T_k,) on; states (K, 1 + max T, hidden), of which the j-th predicts token j.

        A row's own ids of 0 (`<unk>`) are not looked back at: the originals take them for padding.
        """
        lengths = torch.tensor([len(row) for row in rows], device=prefix.last.device)
        ids = nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=PAD_ID)
        real = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
        reading = _begin(prefix, len(rows))
        states = torch.cat([reading.last[:, None], self._advance(reading, ids, real, ids != PAD_ID)], 1)
        reading.last = states[torch.arange(len(rows), device=ids.device), lengths]
        return reading, states

    @torch.no_grad()
    def read_one(self, reading: Reading, ids: Tensor) -> None:
        """One more token (K,) for every row."""
        real = torch.ones_like(ids, dtype=torch.bool)[:, None]
        reading.last = self._advance(reading, ids[:, None], real, real)[:, 0]

    def _advance(self, reading: Reading, ids: Tensor, real: Tensor, seen: Tensor) -> Tensor:
        if ids.shape[1] == 0:
            return reading.last.new_zeros((len(ids), 0, reading.last.shape[1]))
        reading.seen = torch.cat([reading.seen, seen], 1)
        positions = reading.places[:, None] + torch.arange(ids.shape[1], device=ids.device)
        reading.places = reading.places + real.sum(1)
        return self._run(
            inputs_embeds=self.llm.model.embed_tokens(ids),
            attention_mask=reading.seen.long(),
            position_ids=positions,
            past_key_values=reading.cache,
            use_cache=True,
        )


def split_prefix(rows: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """What all rows (T_k,) begin with, up to and with the picture, and the rest of each.

    The cut is behind the picture although rows may share more: so the prefix is the same whatever is asked.
    Raises InvalidInput for rows that differ before it, or hold no picture.
    """
    places = (rows[0] == IMAGE_ID).nonzero()
    cut = int(places[0]) + 1 if len(places) else 0
    head = rows[0][:cut]
    if cut == 0 or not all(torch.equal(row[:cut], head) for row in rows):
        raise InvalidInput("conversations that are read together must begin alike, up to their <image>")
    return head, [row[cut:] for row in rows]


def join_prefixes(prefixes: Sequence[Prefix], rows: Sequence[int]) -> Prefix:
    """Those of several pictures, of equal length, as one: the first for `rows[0]` rows, and so on."""
    if len(prefixes) == 1:
        return prefixes[0]

    def joined(parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([part.expand(n, *part.shape[1:]) for part, n in zip(parts, rows, strict=True)])

    layers = zip(*(prefix.cache for prefix in prefixes), strict=True)
    cache = [(joined([keys for keys, _ in of]), joined([values for _, values in of])) for of in layers]
    return Prefix(cache, joined([prefix.last[None] for prefix in prefixes]), prefixes[0].length)


def _begin(prefix: Prefix, rows: int) -> Reading:
    cache = DynamicCache(
        [(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1)) for keys, values in prefix.cache]
    )
    device = prefix.last.device
    return Reading(
        cache,
        torch.ones((rows, prefix.length), dtype=torch.bool, device=device),
        torch.full((rows,), prefix.length, device=device),
        prefix.last.expand(rows, -1),
    )


def _projector(inputs: int, outputs: int, depth: int) -> nn.Module:
    """One layer for LISA and GSVA; GLaMM puts GELU between two."""
    first = nn.Linear(inputs, outputs)
    if depth == 1:
        return first
    rest = [part for _ in range(depth - 1) for part in (nn.GELU(), nn.Linear(outputs, outputs))]
    return nn.Sequential(first, *rest)
