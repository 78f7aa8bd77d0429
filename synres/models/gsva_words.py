"""What GSVA is asked, and what it answers: one conversation lists all expressions of a picture.

Each expression is answered by `[SEG]`, or by `[REJ]` when the picture does not show it.
Source: LeapLabTHU/GSVA at 618dc79, model/llava/constants.py, data/dataset.py and data/refer_seg_dataset.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synres.models.conversations import Conversation, Turn, drawn
from synres.models.llama_parts import IMAGE, Part, Parts, fill, template, user
from synres.models.llama_rules import TokenRule
from synres.models.llama_tokens import FamilyTokens

TOKENS = FamilyTokens(
    rule=TokenRule.V4_44,
    added=("[SEG]", "[REJ]", "<im_start>", "<im_end>"),
    slots=("[SEG]", "[REJ]"),
    special=("<im_start>", "<im_end>"),
)
QUESTIONS = (
    (f"{IMAGE}\nCan you segment ", " in this image?"),
    (f"{IMAGE}\nPlease segment ", " in this image."),
    (f"{IMAGE}\nWhat are ", " in this image? Please respond with segmentation masks."),
    (f"{IMAGE}\nWhat are ", " in this image? Please output segmentation masks."),
)
ANSWERS = (
    ("The segmentation results are ", "{} [SEG]"),
    ("Sure, they are ", "{}:[SEG]"),
    ("Sure, ", "the mask of {} is [SEG]"),
    ("Sure, ", "the segmentation of {} is [SEG]"),
    ("Sure, ", "the referred {} is [SEG]"),
)
# the missing spaces are the original's: its published numbers were made with them
_CHECK_QUESTION = (f"{IMAGE}\n What are ", "in this image? Please output segmentation masks.")
_CHECK_ANSWER = ("Sure,", "{}:[SEG]")


def training_conversation(
    expressions: Sequence[str], has_target: Sequence[bool], rng: np.random.Generator
) -> Conversation:
    """Wordings drawn from the lists. The question is in lower case, the answer is not, as in training."""
    texts = _clean(expressions)
    question = _listed(drawn(QUESTIONS, rng), [text.lower() for text in texts])
    answer = _answered(drawn(ANSWERS, rng), texts, has_target)
    return Conversation((Turn(question, answer),), tuple(expressions))


def teacher_forced(expressions: Sequence[str], has_target: Sequence[bool]) -> Conversation:
    """How the published numbers were made: the true `[SEG]`s and `[REJ]`s are part of the input."""
    texts = _clean(expressions)
    turn = Turn(_listed(_CHECK_QUESTION, texts), _answered(_CHECK_ANSWER, texts, has_target))
    return Conversation((turn,), tuple(expressions))


def generated(expressions: Sequence[str]) -> Conversation:
    """An open conversation in the words of training: the model decides, and answers in the same order."""
    return Conversation((Turn(_listed(QUESTIONS[-1], [text.lower() for text in _clean(expressions)])),))


def _clean(expressions: Sequence[str]) -> list[str]:
    return [text.strip().strip(".") for text in expressions]


def _listed(question: tuple[str, str], texts: Sequence[str]) -> Parts:
    start, end = question
    return (template(start), *_comma_joined([(user(text),) for text in texts]), template(end))


def _answered(answer: tuple[str, str], texts: Sequence[str], has_target: Sequence[bool]) -> Parts:
    start, pattern = answer
    items = [
        fill(pattern if found else pattern.replace("SEG", "REJ"), text)
        for text, found in zip(texts, has_target, strict=True)
    ]
    return (template(start), *_comma_joined(items), template("."))


def _comma_joined(items: Sequence[Parts]) -> list[Part]:
    separated = [part for item in items for part in (template(", "), *item)]
    return separated[1:]
