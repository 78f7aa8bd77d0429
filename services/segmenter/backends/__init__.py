"""Segmenters by name; each loads what it needs on first use."""

from __future__ import annotations

from importlib import import_module

from synres.domain.choice import BackendChoice
from synres.errors import InvalidInput, NotFound
from synres.extras import needs_extra
from synres.ports import Segmenter
from synres.stages.backends import refuse_extras

_RES = ("lisa", "gsva", "glamm")
NAMES = ("micro", "clipseg", "sam3", "onnx", *_RES)
_TRAINED = ("micro", *_RES)


@needs_extra("segmenter")
def load_backend(choice: BackendChoice, weights: bytes | None = None) -> Segmenter:
    """With its own weights, or with safetensors bytes that a run has trained.

    Raises NotFound for an unknown name, InvalidInput for a model or option that the backend does not have or
    for weights it cannot take, BackendUnavailable when packages or weights are missing, ArtifactCorrupt for
    weights of another model.
    """
    if choice.backend in NAMES and weights is not None and choice.backend not in _TRAINED:
        raise InvalidInput(
            f"backend {choice.backend} takes no trained weights; those that do are {', '.join(_TRAINED)}"
        )
    if choice.backend == "micro":
        return _micro(choice, weights)
    if choice.backend in NAMES:
        loader = import_module(f"{__name__}.{choice.backend}")
        given = (choice, weights) if choice.backend in _TRAINED else (choice,)
        segmenter: Segmenter = loader.load(*given)
        return segmenter
    raise NotFound(f"segmenter backend {choice.backend!r} does not exist; there is {', '.join(NAMES)}")


def _micro(choice: BackendChoice, weights: bytes | None) -> Segmenter:
    refuse_extras(choice)
    import torch

    from services.segmenter.backends.micro import MicroSegmenter

    # equal inputs give equal bytes only with one thread inside an operation (docs/architecture.md, L3)
    torch.set_num_threads(1)
    return MicroSegmenter(weights)
