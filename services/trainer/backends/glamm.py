"""GLaMM in training: one conversation for each picture, a turn for each expression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.trainer.backends.res import ResBackend
from services.trainer.trainable import Asked
from synres.domain.choice import BackendChoice
from synres.models.conversations import Conversation
from synres.models.glamm_words import training_conversation
from synres.models.res_families import glamm
from synres.models.res_tuning import TuningOptions
from synres.stages.backends import options_of


def load(choice: BackendChoice) -> ResBackend:
    """Raises BackendUnavailable for a model that is not there, InvalidInput for an option it cannot have."""
    options = options_of(choice, TuningOptions)
    return ResBackend(choice, glamm(options), options, _words)


def _words(asked: Sequence[Asked], rng: np.random.Generator) -> list[Conversation]:
    return [training_conversation([each.expression for each in asked], rng)]
