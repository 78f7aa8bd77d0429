"""Image generators by name; each loads what it needs on first use."""

from __future__ import annotations

from synres.errors import NotFound
from synres.ports import ImageGenerator

NAMES = ("cutpaste", "micro", "procedural")


def load_backend(name: str) -> ImageGenerator:
    """Raises NotFound for an unknown name, BackendUnavailable when packages or weights are missing."""
    if name == "cutpaste":
        from services.generator.backends.cutpaste import CutpasteGenerator

        return CutpasteGenerator()
    if name == "micro":
        import torch

        from services.generator.backends.micro import MicroGenerator

        # equal inputs give equal bytes only with one thread inside an operation (docs/architecture.md, L3)
        torch.set_num_threads(1)
        return MicroGenerator()
    if name == "procedural":
        from services.generator.backends.procedural import ProceduralGenerator

        return ProceduralGenerator()
    raise NotFound(f"generator backend {name!r} does not exist; there is {', '.join(NAMES)}")
