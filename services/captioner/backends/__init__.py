"""Captioners by name; each loads what it needs on first use."""

from __future__ import annotations

from synres.domain.choice import BackendChoice
from synres.errors import NotFound
from synres.ports import Captioner
from synres.stages.backends import refuse_extras

NAMES = ("attributes", "micro")


def load_backend(choice: BackendChoice) -> Captioner:
    """Raises NotFound for an unknown name, InvalidInput for a model or option that the backend does not have,
    BackendUnavailable when packages or weights are missing.
    """
    if choice.backend == "attributes":
        refuse_extras(choice)
        from services.captioner.backends.attributes import AttributesCaptioner

        return AttributesCaptioner()
    if choice.backend == "micro":
        refuse_extras(choice)
        import torch

        from services.captioner.backends.micro import MicroCaptioner

        # equal inputs give equal bytes only with one thread inside an operation (docs/architecture.md, L3)
        torch.set_num_threads(1)
        return MicroCaptioner()
    raise NotFound(f"captioner backend {choice.backend!r} does not exist; there is {', '.join(NAMES)}")
