"""Image generators by name; each loads what it needs on first use."""

from __future__ import annotations

from synres.domain.choice import BackendChoice
from synres.errors import BackendUnavailable, NotFound
from synres.extras import needs_extra
from synres.ports import ImageGenerator
from synres.stages.backends import options_of, refuse_extras

NAMES = ("cutpaste", "micro", "procedural", "sana", "triton")
SANA = "Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers"
"""The model of backend `sana` unless a run spec names another."""


@needs_extra("generator")
def load_backend(choice: BackendChoice) -> ImageGenerator:
    """Raises NotFound for an unknown name, InvalidInput for a model or option that the backend does not have,
    BackendUnavailable when packages or weights are missing.
    """
    if choice.backend == "cutpaste":
        refuse_extras(choice)
        from services.generator.backends.cutpaste import CutpasteGenerator

        return CutpasteGenerator()
    if choice.backend == "micro":
        refuse_extras(choice)
        import torch

        from services.generator.backends.micro import MicroGenerator

        # equal inputs give equal bytes only with one thread inside an operation (docs/architecture.md, L3)
        torch.set_num_threads(1)
        return MicroGenerator()
    if choice.backend == "procedural":
        refuse_extras(choice)
        from services.generator.backends.procedural import ProceduralGenerator

        return ProceduralGenerator()
    if choice.backend == "sana":
        return _load_sana(choice)
    if choice.backend == "triton":
        return _load_triton(choice)
    raise NotFound(f"generator backend {choice.backend!r} does not exist; there is {', '.join(NAMES)}")


def _load_sana(choice: BackendChoice) -> ImageGenerator:
    from services.generator.painter_options import SanaOptions
    from synres.models.folders import open_model

    options = options_of(choice, SanaOptions)
    folder = open_model(choice.model or SANA)
    # after what can be refused at once: diffusers takes seconds to import
    from services.generator.backends.sana import SanaGenerator

    return SanaGenerator(folder, options)


def _load_triton(choice: BackendChoice) -> ImageGenerator:
    from services.generator.painter_options import TritonOptions
    from services.generator.settings import TritonSettings
    from synres.settings import load_settings

    options, settings = options_of(choice, TritonOptions), load_settings(TritonSettings)
    if not settings.triton_address:
        raise BackendUnavailable(
            "backend triton needs SYNRES_TRITON_ADDRESS: host:port of Triton's gRPC endpoint"
        )
    from services.generator.backends.triton import TritonGenerator

    return TritonGenerator(choice.model or settings.triton_model, options, settings)
