"""LISA, GSVA and GLaMM: the network, tokens and words of each, and what may be chosen about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta
from torch import Tensor

from synres.errors import InvalidInput
from synres.models import glamm_words, gsva_words, lisa_words
from synres.models.conversations import Conversation
from synres.models.glamm import GlammModel
from synres.models.gsva import GsvaModel, decisions, with_all_asked
from synres.models.lisa import LisaModel
from synres.models.llama_tokens import FamilyTokens
from synres.models.res_model import ResModel

DEFAULT_MODELS = {
    "lisa": "xinlai/LISA-7B-v1",
    "gsva": "LeapLabTHU/gsva-7b-ft-gres",
    "glamm": "MBZUAI/GLaMM-RefSeg",
}
"""Where a choice names no model."""
Protocol = Literal["generated", "teacher_forced"]
Ask = Callable[[Sequence[str]], list[Conversation]]
Answered = Callable[[Sequence[str], Sequence[bool]], list[Conversation]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResOptions:
    """`protocol`: "generated" (the model answers, as a user meets it, in at most `max_new_tokens`) or
    "teacher_forced" (the answer with its [SEG] is given, as published numbers are made).

    `precision` is that of weights and activations. `clip`, `base` (LLaVA) and `sam` name other models than
    the catalogue and the checkpoint do. `lora_alpha` is for un-merged checkpoints, which do not state theirs.
    """

    protocol: Protocol = "generated"
    max_new_tokens: Annotated[int, Meta(ge=1, le=512)] = 32
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    clip: str = ""
    base: str = ""
    sam: str = ""
    lora_alpha: Annotated[float, Meta(gt=0)] = 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LisaOptions(ResOptions):
    """`is_sentence`: expressions are whole sentences, asked as in reasoning segmentation; otherwise the
    question is "What is {expression} in this image?"."""

    is_sentence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GsvaOptions(ResOptions):
    """`reeval`: a mask also for what is answered with [REJ], as published numbers are made; in the protocol
    "teacher_forced" only."""

    reeval: bool = False


@dataclass(frozen=True, slots=True)
class ResFamily:
    """`open` asks each expression in a conversation of its own, `answered` gives the answers too, by whether
    each has a target.

    `vectors` (network, states (K, T, hidden), tokens (K, T) that they predict) -> for each expression of
    answered conversations (1, out_dim), or (0, out_dim) where it has no target. `rejected`: of the same,
    whether the model says that each has none; None for a family without a word for it. `again` (network,
    ids): what is read for the vectors, where it is not what is read for the decisions.
    """

    network: type[ResModel]
    tokens: FamilyTokens
    open: Ask
    answered: Answered
    vectors: Callable[[Any, Tensor, Tensor], list[Tensor]]
    rejected: Callable[[Any, Tensor, Tensor], list[bool]] | None = None
    again: Callable[[Any, Tensor], Tensor] | None = None


def lisa(options: LisaOptions) -> ResFamily:
    wording = options.is_sentence
    return ResFamily(
        LisaModel,
        lisa_words.TOKENS,
        lambda texts: [lisa_words.generated(text, wording) for text in texts],
        lambda texts, _: lisa_words.teacher_forced(texts, wording),
        seg_vectors,
    )


def glamm(options: ResOptions) -> ResFamily:
    return ResFamily(
        GlammModel,
        glamm_words.TOKENS,
        lambda texts: [glamm_words.generated(text) for text in texts],
        lambda texts, _: glamm_words.teacher_forced(texts),
        seg_vectors,
    )


def gsva(options: GsvaOptions) -> ResFamily:
    """Generated: a conversation for each expression, although training lists several in one. In a list the
    answer to one expression would hang on the others, so pseudo-masks would be no independent votes; and an
    answer that skips an expression could not be matched. Teacher-forced: one list with the true [SEG]s and
    [REJ]s, as published numbers are made; with `reeval` a second reading, all [SEG], gives the masks.

    Raises InvalidInput for `reeval` without teacher forcing.
    """
    if options.reeval and options.protocol != "teacher_forced":
        raise InvalidInput(
            "option reeval needs protocol teacher_forced: a generated answer is not asked twice"
        )
    return ResFamily(
        GsvaModel,
        gsva_words.TOKENS,
        lambda texts: [gsva_words.generated([text]) for text in texts],
        lambda texts, has_target: [gsva_words.teacher_forced(texts, has_target)],
        seg_vectors if options.reeval else accepted_vectors,
        rejected,
        with_all_asked if options.reeval else None,
    )


def seg_vectors(network: ResModel, states: Tensor, tokens: Tensor) -> list[Tensor]:
    """One for each [SEG] of the answers."""
    return [vector[None] for row in network.seg_vectors(states, tokens) for vector in row]


def accepted_vectors(network: GsvaModel, states: Tensor, tokens: Tensor) -> list[Tensor]:
    """One for each slot that holds [SEG] where the model would have answered so; none for any other slot."""
    vectors = iter(seg_vectors(network, states, tokens))
    slots = network.slots(tokens) == network.sizes.seg_id
    asked = [
        next(vectors) if is_seg else states.new_zeros(0, network.sizes.out_dim) for is_seg in slots.tolist()
    ]
    refused = rejected(network, states, tokens)
    return [vector[: not gone] for vector, gone in zip(asked, refused, strict=True)]


def rejected(network: GsvaModel, states: Tensor, tokens: Tensor) -> list[bool]:
    """For each slot, whether the model says [REJ]: at a [SEG] anything else does, at a [REJ] that alone."""
    return [not accepted for row in decisions(network, states, tokens) for accepted in row.tolist()]
