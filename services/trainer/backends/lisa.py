"""LISA in training: a conversation for each expression, in the words of its original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.trainer.backends.res import ResBackend
from synres.domain.choice import BackendChoice
from synres.models.conversations import Conversation
from synres.models.lisa_words import training_conversation
from synres.models.res_families import LisaOptions, lisa
from synres.models.res_tuning import TuningOptions
from synres.stages.backends import options_of


@dataclass(frozen=True, kw_only=True)
class LisaTuning(TuningOptions, LisaOptions):
    """Both kinds of options: evaluation asks as the segmenter does."""


def load(choice: BackendChoice) -> ResBackend:
    """Raises BackendUnavailable for a model that is not there, InvalidInput for an option it cannot have."""
    options = options_of(choice, LisaTuning)

    def words(
        expressions: Sequence[str], has_target: Sequence[bool], rng: np.random.Generator
    ) -> list[Conversation]:
        return [training_conversation(text, rng, options.is_sentence) for text in expressions]

    return ResBackend(choice, lisa(options), options, words)
