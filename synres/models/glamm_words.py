"""What GLaMM is asked about expressions, and what it answers (no region boxes).

Source: mbzuai-oryx/groundingLMM at e74865f, dataset/utils/utils.py and
dataset/segm_datasets/RefCOCO_Segm_ds.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synres.models.conversations import Conversation, Turn, drawn
from synres.models.lisa_words import ANSWERS
from synres.models.llama_parts import IMAGE, fill, template
from synres.models.llama_rules import TokenRule
from synres.models.llama_tokens import FamilyTokens

_ADDED = ("<im_start>", "<im_end>", "<bbox>", "<point>", "[SEG]", "<p>", "</p>")
TOKENS = FamilyTokens(rule=TokenRule.V4_31, added=_ADDED, slots=("[SEG]",), special=_ADDED)
OVERVIEW = f"The {IMAGE} provides an overview of the picture.\n"
_WORDINGS = (
    "Can you segment the {} in this image?",
    "Please segment {} in this image.",
    "What is {} in this image? Please respond with segmentation mask.",
    "What is {} in this image? Please output segmentation mask.",
    "Could you provide a segmentation mask for the {} in this image?",
    "Please identify and segment the {} in this image.",
    "Where is the {} in this picture? Please respond with a segmentation mask.",
    "Can you highlight the {} in this image with a segmentation mask?",
)
QUESTIONS = (*_WORDINGS, *(wording[:-1] for wording in _WORDINGS))
"""Each wording with and without its last mark."""
_ASKED = _WORDINGS[3]


def training_conversation(expressions: Sequence[str], rng: np.random.Generator) -> Conversation:
    """One conversation with a turn for each expression, wordings drawn, expressions in lower case."""
    turns = tuple(
        _turn(drawn(QUESTIONS, rng), text.lower(), drawn(ANSWERS, rng), is_first=place == 0)
        for place, text in enumerate(expressions)
    )
    return Conversation(turns, tuple(expressions))


def teacher_forced(expressions: Sequence[str]) -> list[Conversation]:
    """One conversation for each expression, with the answer `[SEG].` in the input.

    The original's evaluation draws its wordings from the training lists, so its numbers move from run to
    run; here the wording is one of them, always the same.
    """
    return [Conversation((_turn(_ASKED, text.lower(), "[SEG]."),), (text,)) for text in expressions]


def generated(expression: str) -> Conversation:
    """An open conversation: the model writes the answer, with `[SEG]` or without."""
    return Conversation((_turn(_ASKED, expression.lower(), None),))


def _turn(question: str, text: str, answer: str | None, is_first: bool = True) -> Turn:
    asked = fill((OVERVIEW if is_first else "") + question, text.strip())
    return Turn(asked, None if answer is None else (template(answer),))
