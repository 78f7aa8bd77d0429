"""RES models that can be trained, by name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from synres.domain.choice import BackendChoice
from synres.errors import NotFound
from synres.extras import needs_extra
from synres.stages.backends import refuse_extras

if TYPE_CHECKING:
    from services.trainer.trainable import TrainableBackend

NAMES = ("micro", "lisa", "gsva", "glamm")
FROM_SCRATCH = ("micro",)


@needs_extra("trainer")
def load_backend(choice: BackendChoice) -> TrainableBackend:
    """Raises NotFound for an unknown name, InvalidInput for a model or option that the backend does not have,
    BackendUnavailable when packages or weights are missing.
    """
    if choice.backend == "micro":
        refuse_extras(choice)
        from services.trainer.backends.micro import MicroBackend

        return MicroBackend()
    if choice.backend in NAMES:
        backend: TrainableBackend = import_module(f"{__name__}.{choice.backend}").load(choice)
        return backend
    raise NotFound(f'training backend "{choice.backend}" does not exist; there is {", ".join(NAMES)}')
