"""GSVA in training: one conversation for each picture, [REJ] where an expression has no target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.trainer.backends.res import ResBackend
from services.trainer.trainable import Asked
from synres.domain.choice import BackendChoice
from synres.models.conversations import Conversation
from synres.models.gsva_words import training_conversation
from synres.models.res_families import GsvaOptions, gsva
from synres.models.res_tuning import TuningOptions
from synres.stages.backends import options_of


@dataclass(frozen=True, kw_only=True)
class GsvaTuning(TuningOptions, GsvaOptions):
    """Both kinds of options: evaluation asks as the segmenter does."""


def load(choice: BackendChoice) -> ResBackend:
    """Raises BackendUnavailable for a model that is not there, InvalidInput for an option it cannot have."""
    options = options_of(choice, GsvaTuning)
    return ResBackend(choice, gsva(options), options, _words)


def _words(asked: Sequence[Asked], rng: np.random.Generator) -> list[Conversation]:
    expressions = [each.expression for each in asked]
    return [training_conversation(expressions, [each.has_target for each in asked], rng)]
