"""LISA, GSVA and GLaMM behind the Segmenter port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synres.domain.types import Expression, ModelInfo
from synres.errors import RejectedItem
from synres.models.conversations import Conversation, conversation_parts, text_limit
from synres.models.encoding_cache import Encoding, EncodingCache
from synres.models.llama_tokens import LlamaTokens
from synres.models.llava import Prefix, split_prefix
from synres.models.res_answers import forced_states, generate
from synres.models.res_families import ResFamily, ResOptions
from synres.models.res_model import ResModel
from synres.models.res_types import ImageEncoding
from synres.models.scoring import scored_logits
from synres.ports import Image, ScoredMask

ROWS = 16
"""Expressions that are read and drawn together; more of them come in turn, to bound the memory."""


@dataclass(frozen=True, slots=True)
class Caches:
    """Of pictures (SAM's features, CLIP's patches), and of what the language model remembers of them.

    Apart, since the second is the larger by far: with 7B weights in bf16 half a MiB for each of 300 tokens,
    150 MiB in all beside 4; one cache would lose the pictures, whose encoding costs most, to it.
    """

    pictures: EncodingCache
    prefixes: EncodingCache

    @classmethod
    def of(cls, max_bytes: int) -> Caches:
        return cls(EncodingCache(max_bytes // 2), EncodingCache(max_bytes // 2))


class ResSegmenter:
    """A picture is encoded by SAM and by CLIP once, its half of the conversations read once, and all masks
    of up to `ROWS` expressions are drawn in one call."""

    def __init__(
        self,
        network: ResModel,
        tokens: LlamaTokens,
        family: ResFamily,
        options: ResOptions,
        model: ModelInfo,
        caches: Caches,
    ) -> None:
        self.network, self.model, self.protocol = network.eval(), model, options.protocol
        self.device = str(network.device)
        self._tokens, self._family, self._options, self._caches = tokens, family, options, caches
        self._longest = self._text_limit()

    @torch.inference_mode()
    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        """The score is the mean probability inside the mask. An answer without [SEG] is an empty mask with
        score 0, one with several [SEG] their union. Raises RejectedItem("expression_too_long")."""
        if not expressions:
            return []
        asked = [self._rows(expressions[i : i + ROWS]) for i in range(0, len(expressions), ROWS)]
        encoding = self.network.sized(image, *self._caches.pictures.get(image, self.network.encode_pixels))
        head = asked[0][0]
        remembered = self._caches.prefixes.get(image, lambda _: self._read(encoding, head))
        return [found for _, tails in asked for found in self._masks(encoding, _prefix(remembered), tails)]

    def _text_limit(self) -> int:
        """Text ids of a conversation for which the model, and its training, had room."""
        positions: int = self.network.sizes.llama.max_position_embeddings
        room = min(self._tokens.max_length, positions)
        answer = self._options.max_new_tokens if self.protocol == "generated" else 0
        return text_limit(self._tokens, self.network.clip.patches, room) - answer

    def _rows(self, expressions: Sequence[Expression]) -> tuple[Tensor, list[Tensor]]:
        ask = self._family.open if self.protocol == "generated" else self._family.answered
        conversations = ask(expressions)
        rows = [self._encode(conversation, expressions) for conversation in conversations]
        return split_prefix(rows)

    def _encode(self, conversation: Conversation, expressions: Sequence[Expression]) -> Tensor:
        ids = self._tokens.encode(conversation_parts(conversation))
        if len(ids) > self._longest:
            longest = max(conversation.expressions or expressions, key=len)
            told = f'asking for "{longest[:60]}" takes {len(ids)} tokens; this model reads {self._longest}'
            raise RejectedItem("expression_too_long", f"{told}: shorten it")
        return torch.tensor(ids, device=self.network.device)

    def _read(self, encoding: ImageEncoding, head: Tensor) -> Encoding:
        prefix = self.network.read_prefix(encoding, head)
        return (prefix.last, *(tensor for layer in prefix.cache for tensor in layer))

    def _masks(self, encoding: ImageEncoding, prefix: Prefix, tails: Sequence[Tensor]) -> list[ScoredMask]:
        vectors = self._vectors(prefix, tails)
        logits = self.network.decode_masks(encoding, torch.cat(vectors)).cpu()
        drawn = torch.split(logits, [len(of_one) for of_one in vectors])
        return [scored_logits(of_one.numpy()) for of_one in drawn]

    def _vectors(self, prefix: Prefix, tails: Sequence[Tensor]) -> list[Tensor]:
        """For each expression (n, out_dim)."""
        if self.protocol == "generated":
            answers = generate(self.network, prefix, tails, self._options.max_new_tokens)
            return [answer.vectors for answer in answers]
        return self._family.vectors(self.network, *forced_states(self.network, prefix, tails))


def _prefix(remembered: Encoding) -> Prefix:
    last, *layers = remembered
    return Prefix(list(zip(layers[::2], layers[1::2], strict=True)), last, layers[0].shape[-2])
