"""Captioners by name; each loads what it needs on first use."""

from __future__ import annotations

from synres.errors import NotFound
from synres.ports import Captioner

NAMES = ("attributes", "micro")


def load_backend(name: str) -> Captioner:
    """Raises NotFound for an unknown name, BackendUnavailable when packages or weights are missing."""
    if name == "attributes":
        from services.captioner.backends.attributes import AttributesCaptioner

        return AttributesCaptioner()
    if name == "micro":
        import torch

        from services.captioner.backends.micro import MicroCaptioner

        # equal inputs give equal bytes only with one thread inside an operation (docs/architecture.md, L3)
        torch.set_num_threads(1)
        return MicroCaptioner()
    raise NotFound(f"captioner backend {name!r} does not exist; there is {', '.join(NAMES)}")
