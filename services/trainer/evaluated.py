"""What a training has left, to be evaluated in this process."""

from __future__ import annotations

import torch

from services.trainer.backends import load_backend
from services.trainer.trainable import TrainableBackend
from synres.domain.choice import BackendChoice


def evaluated_backend(choice: BackendChoice) -> TrainableBackend:
    """As jobs load it: with one thread, so that results repeat. Raises as `load_backend` does."""
    torch.set_num_threads(1)
    return load_backend(choice)
