"""Captioners and aligners by name; each loads what it needs on first use."""

from __future__ import annotations

from synres.domain.choice import BackendChoice
from synres.errors import NotFound
from synres.extras import needs_extra
from synres.models.folders import open_model
from synres.ports import Aligner, Captioner
from synres.stages.backends import options_of, refuse_extras, refuse_options

NAMES = ("attributes", "coca", "micro")
ALIGNERS = ("coca", "micro")
COCA = "laion/mscoco_finetuned_CoCa-ViT-L-14-laion2B-s13B-b90k"
"""The model of backend `coca` unless a run spec names another."""


@needs_extra("captioner")
def load_backend(choice: BackendChoice) -> Captioner:
    """Raises NotFound for an unknown name, InvalidInput for a model or option that the backend does not have,
    BackendUnavailable when packages or weights are missing.
    """
    if choice.backend == "attributes":
        refuse_extras(choice)
        from services.captioner.backends.attributes import AttributesCaptioner

        return AttributesCaptioner()
    if choice.backend == "coca":
        from services.captioner.backends.coca_options import CocaOptions

        options, folder = options_of(choice, CocaOptions), open_model(choice.model or COCA)
        # after what can be refused at once: open_clip takes seconds to import
        from services.captioner.backends.coca import CocaCaptioner
        from synres.models.devices import torch_device

        return CocaCaptioner(folder, options, torch_device())
    if choice.backend == "micro":
        refuse_extras(choice)
        _use_one_thread()
        from services.captioner.backends.micro import MicroCaptioner

        return MicroCaptioner()
    raise NotFound(f"captioner backend {choice.backend!r} does not exist; there is {', '.join(NAMES)}")


@needs_extra("captioner")
def load_aligner(choice: BackendChoice) -> Aligner:
    """Raises as `load_backend` does."""
    if choice.backend == "coca":
        refuse_options(choice)
        folder = open_model(choice.model or COCA)
        from services.captioner.backends.coca import CocaAligner
        from synres.models.devices import torch_device

        return CocaAligner(folder, torch_device())
    if choice.backend == "micro":
        refuse_extras(choice)
        _use_one_thread()
        from services.captioner.backends.micro_aligner import MicroAligner

        return MicroAligner()
    raise NotFound(f"aligner backend {choice.backend!r} does not exist; there is {', '.join(ALIGNERS)}")


def _use_one_thread() -> None:
    """Equal inputs give equal bytes only with one thread inside an operation (docs/architecture.md, L3)."""
    import torch

    torch.set_num_threads(1)
