"""LISA, GSVA and GLaMM behind the Segmenter port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from synres.domain.types import Expression, ModelInfo
from synres.errors import RejectedItem
from synres.models.conversations import Conversation, conversation_parts, text_limit
from synres.models.encoding_cache import Encoding, EncodingCache
from synres.models.llama_tokens import LlamaTokens
from synres.models.llava import Prefix, join_prefixes, split_prefix
from synres.models.picture_rows import ROWS, Asked, spans
from synres.models.res_answers import forced_states, generate
from synres.models.res_families import ResFamily, ResOptions
from synres.models.res_model import ResModel
from synres.models.res_types import ImageEncoding
from synres.models.scoring import scored_logits
from synres.ports import Image, ScoredMask


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


@dataclass(frozen=True, slots=True)
class _Part:
    """Up to ROWS expressions of the picture at `place`: what its conversations begin with, and their rest."""

    place: int
    expressions: int
    head: Tensor
    tails: list[Tensor]


@dataclass(frozen=True, slots=True)
class _Answer:
    """To one expression: (n, out_dim), and `ScoredMask.is_rejected`."""

    vectors: Tensor
    is_rejected: bool | None


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

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        """The score is the mean probability inside the mask. An answer without [SEG] is an empty mask with
        score 0, one with several [SEG] their union. Raises RejectedItem("expression_too_long")."""
        return self.segment_batch([(image, expressions)])[0] if expressions else []

    def segment_known(
        self, image: Image, expressions: Sequence[Expression], has_target: Sequence[bool]
    ) -> list[ScoredMask]:
        """As `segment`; teacher-forced, what has no target is answered so (GSVA's [REJ]). A model that
        answers by itself learns nothing of it."""
        return self._segment([(image, expressions)], [has_target])[0] if expressions else []

    def segment_batch(self, asked: Asked) -> list[list[ScoredMask]]:
        """`segment` of several pictures at once: their expressions are read and answered together. One
        picture by itself fills the encoders, so these take them in turn."""
        return self._segment(asked, [[True] * len(texts) for _, texts in asked])

    @torch.inference_mode()
    def _segment(self, asked: Asked, has_target: Sequence[Sequence[bool]]) -> list[list[ScoredMask]]:
        parts = [
            _Part(place, len(texts[at]), *self._rows(texts[at], has_target[place][at]))
            for place, (_, texts) in enumerate(asked)
            for at in spans(len(texts))
        ]
        seen = [self._seen(image, parts[0].head) for image, _ in asked]
        found: list[list[ScoredMask]] = [[] for _ in asked]
        for together in _readings(parts):
            for part, masks in zip(together, self._masks(seen, together), strict=True):
                found[part.place] += masks
        return found

    def _text_limit(self) -> int:
        """Text ids of a conversation for which the model, and its training, had room."""
        positions: int = self.network.sizes.llama.max_position_embeddings
        room = min(self._tokens.max_length, positions)
        answer = self._options.max_new_tokens if self.protocol == "generated" else 0
        return text_limit(self._tokens, self.network.clip.patches, room) - answer

    def _rows(
        self, expressions: Sequence[Expression], has_target: Sequence[bool] = ()
    ) -> tuple[Tensor, list[Tensor]]:
        if self.protocol == "generated":
            conversations = self._family.open(expressions)
        else:
            conversations = self._family.answered(expressions, has_target or [True] * len(expressions))
        rows = [self._encode(conversation, expressions) for conversation in conversations]
        return split_prefix(rows)

    def _encode(self, conversation: Conversation, expressions: Sequence[Expression]) -> Tensor:
        ids = self._tokens.encode(conversation_parts(conversation))
        if len(ids) > self._longest:
            longest = max(conversation.expressions or expressions, key=len)
            told = f'asking for "{longest[:60]}" takes {len(ids)} tokens; this model reads {self._longest}'
            raise RejectedItem("expression_too_long", f"{told}: shorten it")
        return torch.tensor(ids, device=self.network.device)

    def _seen(self, image: Image, head: Tensor) -> tuple[ImageEncoding, Prefix]:
        encoding = self.network.sized(image, *self._caches.pictures.get(image, self.network.encode_pixels))
        return encoding, _prefix(self._caches.prefixes.get(image, lambda _: self._read(encoding, head)))

    def _read(self, encoding: ImageEncoding, head: Tensor) -> Encoding:
        prefix = self.network.read_prefix(encoding, head)
        return (prefix.last, *(tensor for layer in prefix.cache for tensor in layer))

    def _masks(
        self, seen: Sequence[tuple[ImageEncoding, Prefix]], parts: Sequence[_Part]
    ) -> Iterator[list[ScoredMask]]:
        """For each part its expressions' masks."""
        prefix = join_prefixes([seen[part.place][1] for part in parts], [len(part.tails) for part in parts])
        answers = iter(self._answers(prefix, [tail for part in parts for tail in part.tails]))
        for part in parts:
            own = list(islice(answers, part.expressions))
            vectors = torch.cat([answer.vectors for answer in own])
            logits = self.network.decode_masks(seen[part.place][0], vectors).cpu()
            drawn = torch.split(logits, [len(answer.vectors) for answer in own])
            yield [
                scored_logits(logits.numpy(), answer.is_rejected)
                for logits, answer in zip(drawn, own, strict=True)
            ]

    def _answers(self, prefix: Prefix, tails: Sequence[Tensor]) -> list[_Answer]:
        """One for each expression."""
        family = self._family
        if self.protocol == "generated":
            told = generate(self.network, prefix, tails, self._options.max_new_tokens)
            return [_Answer(one.vectors, not len(one.vectors) if family.rejected else None) for one in told]
        read = forced_states(self.network, prefix, tails)
        if family.again is None:
            vectors = family.vectors(self.network, *read)
        else:
            again = [family.again(self.network, tail) for tail in tails]
            vectors = family.vectors(self.network, *forced_states(self.network, prefix, again))
        rejected = family.rejected(self.network, *read) if family.rejected else [None] * len(vectors)
        return list(map(_Answer, vectors, rejected))


def _readings(parts: Sequence[_Part]) -> Iterator[list[_Part]]:
    """Parts in order, as many together as have ROWS expressions."""
    together: list[_Part] = []
    for part in parts:
        if sum(each.expressions for each in [*together, part]) > ROWS:
            yield together
            together = []
        together.append(part)
    yield together


def _prefix(remembered: Encoding) -> Prefix:
    last, *layers = remembered
    return Prefix(list(zip(layers[::2], layers[1::2], strict=True)), last, layers[0].shape[-2])
