"""Groupers by name."""

from __future__ import annotations

from services.grouper.backends.itag import ItagGrouper
from synres.domain.choice import BackendChoice
from synres.errors import NotFound
from synres.ports import Grouper
from synres.stages.backends import refuse_extras

NAMES = ("itag",)


def load_backend(choice: BackendChoice) -> Grouper:
    """Raises NotFound for an unknown name, InvalidInput for a model or options."""
    if choice.backend == "itag":
        refuse_extras(choice)
        return ItagGrouper()
    raise NotFound(f"grouper backend {choice.backend!r} does not exist; there is {', '.join(NAMES)}")
