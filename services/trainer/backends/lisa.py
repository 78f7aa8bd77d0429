"""LISA in training: a conversation for each expression, in the words of its original."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from services.trainer.backends.res import ResBackend
from services.trainer.trainable import Asked
from synres.domain.choice import BackendChoice
from synres.models.conversations import Conversation
from synres.models.lisa_words import answered_conversation, explained_conversation, training_conversation
from synres.models.res_families import LisaOptions, lisa
from synres.models.res_tuning import TuningOptions
from synres.stages.backends import options_of

_IN_WORDS_ALONE = 0.1


@dataclass(frozen=True, kw_only=True)
class LisaTuning(TuningOptions, LisaOptions):
    """Both kinds of options: evaluation asks as the segmenter does."""


def load(choice: BackendChoice) -> ResBackend:
    """Raises BackendUnavailable for a model that is not there, InvalidInput for an option it cannot have."""
    options = options_of(choice, LisaTuning)

    def words(asked: Sequence[Asked], rng: np.random.Generator) -> list[Conversation]:
        explained = any(each.manner.turns for each in asked)
        ask = _drawn_manner(rng) if explained else training_conversation
        return [_asked(ask, each, options.is_sentence, rng) for each in asked]

    return ResBackend(choice, lisa(options), options, words)


def _drawn_manner(rng: np.random.Generator) -> Callable[..., Conversation]:
    """For all expressions of a picture that has an explanation: seldom in words alone, else with a mask."""
    if rng.random() < _IN_WORDS_ALONE:
        return answered_conversation
    return explained_conversation if rng.integers(2) else training_conversation


def _asked(
    ask: Callable[..., Conversation], asked: Asked, is_sentence: bool, rng: np.random.Generator
) -> Conversation:
    if ask is training_conversation or not asked.manner.turns:
        return training_conversation(asked.expression, rng, is_sentence or asked.manner.is_sentence)
    return ask(asked.expression, asked.manner.turns[0][1], rng)
