"""Segmenters by name; each loads what it needs on first use."""

from __future__ import annotations

from synres.domain.choice import BackendChoice
from synres.errors import NotFound
from synres.ports import Segmenter
from synres.stages.backends import refuse_extras

NAMES = ("micro",)


def load_backend(choice: BackendChoice, weights: bytes | None = None) -> Segmenter:
    """With its shipped weights, or with safetensors bytes that a run has trained.

    Raises NotFound for an unknown name, InvalidInput for a model or option that the backend does not have,
    BackendUnavailable when packages or weights are missing, ArtifactCorrupt for weights of another model.
    """
    if choice.backend == "micro":
        refuse_extras(choice)
        import torch

        from services.segmenter.backends.micro import MicroSegmenter

        # equal inputs give equal bytes only with one thread inside an operation (docs/architecture.md, L3)
        torch.set_num_threads(1)
        return MicroSegmenter(weights)
    raise NotFound(f"segmenter backend {choice.backend!r} does not exist; there is {', '.join(NAMES)}")
