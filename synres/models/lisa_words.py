"""What LISA is asked, and what it answers: one conversation for each expression.

The wordings are the model's interface: other words give other masks.
Source: dvlab-research/LISA at 3cb2d43, utils/utils.py, utils/dataset.py and the datasets beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synres.models.conversations import Conversation, Turn, drawn
from synres.models.llama_parts import IMAGE, Parts, fill, template, user
from synres.models.llama_rules import TokenRule
from synres.models.llama_tokens import FamilyTokens

TOKENS = FamilyTokens(
    rule=TokenRule.V4_31,
    added=("[SEG]", "<im_start>", "<im_end>"),
    slots=("[SEG]",),
    special=("<im_start>", "<im_end>"),
)
SHORT_QUESTIONS = (
    f"{IMAGE}\nCan you segment the {{}} in this image?",
    f"{IMAGE}\nPlease segment the {{}} in this image.",
    f"{IMAGE}\nWhat is {{}} in this image? Please respond with segmentation mask.",
    f"{IMAGE}\nWhat is {{}} in this image? Please output segmentation mask.",
)
LONG_QUESTIONS = (
    f"{IMAGE}\n{{}} Please respond with segmentation mask.",
    f"{IMAGE}\n{{}} Please output segmentation mask.",
)
EXPLAIN_QUESTIONS = (
    f"{IMAGE}\n{{}} Please output segmentation mask and explain why.",
    f"{IMAGE}\n{{}} Please output segmentation mask and explain the reason.",
    f"{IMAGE}\n{{}} Please output segmentation mask and give some explanation.",
)
ANSWERS = (
    "It is [SEG].",
    "Sure, [SEG].",
    "Sure, it is [SEG].",
    "Sure, the segmentation result is [SEG].",
    "[SEG].",
)
_SHORT_CHECK = f"{IMAGE}\n What is {{}} in this image? Please output segmentation mask."
_LONG_CHECK = f"{IMAGE}\n {{}} Please output segmentation mask."


def training_conversation(
    expression: str, rng: np.random.Generator, is_sentence: bool = False
) -> Conversation:
    """Question and answer drawn from the lists; a short one in lower case, a sentence as it is."""
    text = expression.strip()
    question = drawn(LONG_QUESTIONS if is_sentence else SHORT_QUESTIONS, rng)
    asked = fill(question, text if is_sentence else text.lower())
    return _one_turn(asked, (template(drawn(ANSWERS, rng)),), expression)


def explained_conversation(expression: str, explanation: str, rng: np.random.Generator) -> Conversation:
    """Asks for the mask and the reason; the explanation follows the mask's sentence."""
    answer = (template(f"{drawn(ANSWERS, rng)} "), user(explanation))
    return _one_turn(fill(drawn(EXPLAIN_QUESTIONS, rng), expression), answer, expression)


def answered_conversation(expression: str, explanation: str, rng: np.random.Generator) -> Conversation:
    """Asks for no mask: the explanation is the whole answer. Nothing is drawn."""
    return Conversation((Turn(fill(f"{IMAGE}\n{{}}", expression), (user(explanation),)),))


def teacher_forced(expressions: Sequence[str], is_sentence: bool = False) -> list[Conversation]:
    """How the published numbers were made: the answer `[SEG].` is part of the input."""
    pattern = _LONG_CHECK if is_sentence else _SHORT_CHECK
    answer = (template("[SEG]."),)
    return [_one_turn(fill(pattern, text.strip()), answer, text) for text in expressions]


def generated(expression: str, is_sentence: bool = False) -> Conversation:
    """An open conversation in the words of training: the model writes the answer, with `[SEG]` or without."""
    question = LONG_QUESTIONS[-1] if is_sentence else SHORT_QUESTIONS[-1]
    return Conversation((Turn(fill(question, expression.strip())),))


def _one_turn(question: Parts, answer: Parts, expression: str) -> Conversation:
    return Conversation((Turn(question, answer),), (expression,))
