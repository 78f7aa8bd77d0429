"""Conversations of LISA, GSVA and GLaMM (LLaVA's `v1` style), and their collation into batches.

A batch holds several pictures, each with one or more conversations; a conversation has one or more turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from synres.errors import InvalidInput
from synres.models.llama_parts import IMAGE, Part, Parts, template, user
from synres.models.llama_tokens import LlamaTokens

SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
NOT_SUPERVISED = -100
Wording = TypeVar("Wording")
_END = "</s>"


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer; `answer` None leaves the conversation open for the model."""

    question: Parts
    answer: Parts | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """`expressions`, one for each `[SEG]` or `[REJ]` of the answers, in their order."""

    turns: tuple[Turn, ...]
    expressions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Right-padded rows, one for each conversation, in the order of the pictures.

    `input_ids` and `labels` (N, L) int64: -200 marks the picture, label -100 is not supervised.
    `attention_mask` (N, L) bool. Rows `offset[i]` to `offset[i + 1] - 1` belong to picture i; (B + 1,) int64.
    """

    input_ids: Tensor
    labels: Tensor
    attention_mask: Tensor
    offset: Tensor


def conversation_parts(conversation: Conversation) -> Parts:
    """The whole conversation, with `<im_start>` and `<im_end>` around the picture."""
    parts: list[Part] = [template(f"{SYSTEM} ")]
    for turn in conversation.turns:
        parts += _instruction(turn)
        parts += [*turn.answer, template(_END)] if turn.answer is not None else []
    return tuple(parts)


def _instruction(turn: Turn) -> list[Part]:
    asked = " ASSISTANT:" if turn.answer is None else " ASSISTANT: "
    return [template("USER: "), *map(_with_image_marks, turn.question), template(asked)]


def _with_image_marks(part: Part) -> Part:
    return template(part.text.replace(IMAGE, f"<im_start>{IMAGE}<im_end>")) if part.is_template else part


def plain_conversation(turns: Sequence[tuple[str, str]]) -> Conversation:
    """Questions and answers about a picture without any mask: all of it is a user's text."""
    plain = [Turn((user(question),), (user(answer),)) for question, answer in turns]
    first = Turn((template(f"{IMAGE}\n"), *plain[0].question), plain[0].answer)
    return Conversation((first, *plain[1:]))


def drawn(wordings: Sequence[Wording], rng: np.random.Generator) -> Wording:
    """One of the wordings, each as likely."""
    return wordings[int(rng.integers(len(wordings)))]


def text_limit(tokens: LlamaTokens, patches: int, max_length: int | None = None) -> int:
    """Text ids that fit beside a picture of `patches` embeddings, which takes the place of one id.

    `max_length` is the trainer's own limit; by default the tokenizer's.
    """
    return (max_length or tokens.max_length) - (patches - 1)


def collate(
    pictures: Sequence[Sequence[Conversation]], tokens: LlamaTokens, limit: int | None = None,
    may_cut_answers: bool = False,
) -> TokenBatch:  # fmt: skip
    """`pictures` holds each picture's conversations. Rows longer than `limit` ids are cut (in training only).

    Raises InvalidInput when a cut would take the `[SEG]` of an expression, unless it may, and when nothing is
    given.
    """
    conversations = [conversation for picture in pictures for conversation in picture]
    if not conversations:
        raise InvalidInput("a batch needs at least one conversation")
    rows = [tokens.encode(conversation_parts(conversation)) for conversation in conversations]
    labels = [_labels(*pair, tokens) for pair in zip(conversations, rows, strict=True)]
    for conversation, row in zip(conversations, rows, strict=True) if not may_cut_answers else ():
        _require_slots(conversation, row[:limit], tokens)
    ids = _padded(rows, tokens.pad_id)[:, :limit]
    offset = torch.tensor([0, *accumulate(map(len, pictures))])
    return TokenBatch(ids, _padded(labels, NOT_SUPERVISED)[:, :limit], ids != tokens.pad_id, offset)


def _padded(rows: list[list[int]], filler: int) -> Tensor:
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=filler)


def _labels(conversation: Conversation, ids: Sequence[int], tokens: LlamaTokens) -> list[int]:
    """Supervised: each answer with its `</s>`. The space behind "ASSISTANT:" is the answer's first piece."""
    labels = list(ids)
    start = 0
    for place, turn in enumerate(conversation.turns):
        before = Conversation((*conversation.turns[:place], Turn(turn.question, ())))
        # without </s>, which an open turn does not have and an empty answer would get
        asked = tokens.encode(conversation_parts(before)[:-1])
        end = len(ids) if turn.answer is None else len(asked) - 1
        labels[start:end] = [NOT_SUPERVISED] * (end - start)
        start = len(tokens.encode(conversation_parts(Conversation(conversation.turns[: place + 1]))))
    return labels


def _require_slots(conversation: Conversation, kept: Sequence[int], tokens: LlamaTokens) -> None:
    slots = sum(i in tokens.slot_ids for i in kept)
    if slots < len(conversation.expressions):
        lost = conversation.expressions[slots]
        raise InvalidInput(
            f"the conversation is cut at {len(kept)} tokens, before the answer to {lost!r}: shorten it, "
            "give the picture fewer expressions, or raise the model's maximal length"
        )
