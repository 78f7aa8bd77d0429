"""The hook for safety filters: a package that is installed beside synres brings one, a run spec names it."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import entry_points
from typing import Protocol, cast

from synres.domain.digests import digest_json
from synres.domain.types import ModelInfo
from synres.errors import InvalidInput
from synres.ports import Image

GROUP = "synres.safety_filters"
"""The entry point group; each entry is a callable without arguments that returns a SafetyFilter."""


class SafetyFilter(Protocol):
    digest: str
    """Names the filter's code, lists and weights; part of the generator's model digest."""

    def refuses(self, image: Image, prompt: str) -> str | None:
        """Why the picture is kept back, in one sentence; None for a picture that may go on."""


def load_filter(name: str) -> SafetyFilter | None:
    """The installed filter of that name, None for "none". Raises InvalidInput for any other."""
    if name == "none":
        return None
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        there = ", ".join(["none", *sorted(found)])
        raise InvalidInput(f"safety_filter {name!r} is not installed; there is {there}")
    return cast(SafetyFilter, found[name].load()())


def refusal_of(safety: SafetyFilter | None, image: Image, prompt: str) -> str:
    """The filter's sentence, "" when the picture may go on."""
    return (safety.refuses(image, prompt) or "") if safety is not None else ""


def filtered_model(model: ModelInfo, safety: SafetyFilter | None) -> ModelInfo:
    """`model` as it is behind the filter: another filter keeps other pictures back."""
    if safety is None:
        return model
    return replace(model, digest=digest_json([model.digest, "filtered", safety.digest]))
