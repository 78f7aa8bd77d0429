"""Groupers by name."""

from __future__ import annotations

from services.grouper.backends.itag import ItagGrouper
from synres.errors import NotFound
from synres.ports import Grouper

NAMES = ("itag",)


def load_backend(name: str) -> Grouper:
    """Raises NotFound for an unknown name."""
    if name == "itag":
        return ItagGrouper()
    raise NotFound(f"grouper backend {name!r} does not exist; there is {', '.join(NAMES)}")
