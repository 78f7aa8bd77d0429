"""Segmenters by name; each loads what it needs on first use."""

from __future__ import annotations

from synres.errors import NotFound
from synres.ports import Segmenter

NAMES = ("micro",)


def load_backend(name: str, weights: bytes | None = None) -> Segmenter:
    """With its shipped weights, or with safetensors bytes that a run has trained.

    Raises NotFound for an unknown name, BackendUnavailable when packages or weights are missing,
    ArtifactCorrupt for weights of another model.
    """
    if name == "micro":
        import torch

        from services.segmenter.backends.micro import MicroSegmenter

        # equal inputs give equal bytes only with one thread inside an operation (docs/architecture.md, L3)
        torch.set_num_threads(1)
        return MicroSegmenter(weights)
    raise NotFound(f"segmenter backend {name!r} does not exist; there is {', '.join(NAMES)}")
