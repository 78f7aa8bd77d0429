"""The parameters of each stage. They travel as the canonical JSON bytes that were hashed, never re-typed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TypeVar

import msgspec

from synres.domain.digests import canonical_json
from synres.errors import InvalidInput
from synres.ports import GroupParams

Params = TypeVar("Params")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionParams:
    backend: str
    seed: int
    expressions_per_prompt: int = 5
    prompts_per_sample: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateParams:
    backend: str
    seed: int
    images_per_prompt: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentParams:
    """With trained weights the action has a second input: their digest."""

    backend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStageParams:
    backend: str = "itag"
    itag: GroupParams = field(default_factory=GroupParams)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixturePart:
    """One part of the mixture. `rows`: "triplets" or "grouped"; `inputs` index the action's inputs."""

    name: str
    ratio: int
    rows: str
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainParams:
    """`weights_input`: place of the starting weights among the inputs; -1 = from scratch, -2 = shipped base.

    `batch_size` counts pictures; each gives up to `expressions_per_picture` expressions. `learning_rate`
    rises over `warmup_steps`, then falls along a half cosine to nought. `clip_norm` bounds the gradient's
    norm, unless 0. `mosaic_tiles` = fewest and most tiles beside the real one; `mosaic_from` = the part they
    come from. `superclass_table`: "microworld" | "coco".
    """

    backend: str
    seed: int
    parts: tuple[MixturePart, ...]
    weights_input: int
    steps: int
    batch_size: int
    learning_rate: float
    expressions_per_picture: int = 3
    warmup_steps: int = 0
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    mosaic_probability: float = 0.0
    mosaic_tiles: tuple[int, int] = (3, 8)
    mosaic_from: str = "synres"
    superclass_probability: float = 0.0
    superclass_table: str = "microworld"
    checkpoint_every: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateParams:
    """inputs = (weights, benchmark triplets...). `definition`: "lisa" | "gsva" | "gres"."""

    backend: str
    definition: str = "lisa"


def encode_params(params: object) -> bytes:
    """Canonical JSON of a params dataclass."""
    return canonical_json(asdict(params))  # type: ignore[call-overload]


def decode_params(data: bytes, params_type: type[Params]) -> Params:
    """The inverse; raises InvalidInput for unknown, missing or badly typed fields, or other bytes."""
    try:
        params = msgspec.json.decode(data, type=params_type)
    except ValueError as error:
        raise InvalidInput(f"params do not fit {params_type.__name__}: {error}") from error
    if encode_params(params) != data:
        raise InvalidInput(f"params of {params_type.__name__} are not complete canonical JSON")
    return params
