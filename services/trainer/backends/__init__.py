"""RES models that can be trained, by name."""

from __future__ import annotations

from services.trainer.trainable import TrainableBackend
from synres.errors import NotFound

NAMES = ("micro",)


def load_backend(name: str) -> TrainableBackend:
    """Raises NotFound for an unknown name, BackendUnavailable when packages or weights are missing."""
    if name == "micro":
        from services.trainer.backends.micro import MicroBackend

        return MicroBackend()
    raise NotFound(f'training backend "{name}" does not exist; there is {", ".join(NAMES)}')
