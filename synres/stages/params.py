"""The parameters of each stage. They travel as the canonical JSON bytes that were hashed, never re-typed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal, TypeVar

from msgspec import Meta

from synres.domain.bounds import MAX_BATCH, MAX_EXPRESSIONS, MAX_IMAGES, MAX_PROMPTS
from synres.domain.choice import BackendChoice, Scalar, choose
from synres.domain.digests import canonical_json
from synres.errors import InvalidInput
from synres.ports import GroupParams
from synres.typed_json import decode_json

Params = TypeVar("Params")
Beta = Annotated[float, Meta(ge=0, lt=1)]
# what came later is left out where it is as it was before: what was computed then is still found
_LATER: dict[str, object] = {
    "model": "",
    "options": {},
    "micro_batch_size": 0,
    "decay": "cosine",
    "adam_betas": (0.9, 0.999),
    "mosaic_dense": 0.0,
    "faults": "mended",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceParams:
    """What computes: a backend, its model ("" = its default) and its options."""

    backend: str
    model: str = ""
    options: dict[str, Scalar] = field(default_factory=dict)

    @property
    def choice(self) -> BackendChoice:
        """Raises InvalidInput for a model or options of bad form."""
        return choose(self.backend, self.model, self.options)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionParams(ChoiceParams):
    seed: int
    expressions_per_prompt: Annotated[int, Meta(ge=1, le=MAX_EXPRESSIONS)] = 5
    prompts_per_sample: Annotated[int, Meta(ge=1, le=MAX_PROMPTS)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateParams(ChoiceParams):
    seed: int
    images_per_prompt: Annotated[int, Meta(ge=1, le=MAX_IMAGES)] = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignParams(ChoiceParams):
    """Expressions that score less than `min_alignment` are dropped; None keeps all."""

    min_alignment: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentParams(ChoiceParams):
    """With trained weights the action has a second input: their digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStageParams(ChoiceParams):
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
class TrainParams(ChoiceParams):
    """`weights_input`: place of the starting weights among the inputs; -1 = from scratch, -2 = the base.

    `batch_size` counts the pictures of a step, over all processes; each gives up to `expressions_per_picture`
    expressions. A process computes `micro_batch_size` of them at a time, 0: its whole share. `learning_rate`
    rises over `warmup_steps`, then falls to nought along a half cosine or a line. `clip_norm` bounds the
    gradient's norm, unless 0. `mosaic_tiles` = fewest and most tiles beside the real one; `mosaic_from` = the
    part they come from; `mosaic_dense` = share of mosaics of one category alone. `superclass_table`:
    "microworld" | "coco" | "wordnet". `faults` = those of the originals, "mended" or as in the "original".
    """

    seed: int
    parts: tuple[MixturePart, ...]
    weights_input: int
    steps: int
    batch_size: Annotated[int, Meta(ge=1, le=MAX_BATCH)]
    learning_rate: float
    expressions_per_picture: Annotated[int, Meta(ge=1, le=MAX_EXPRESSIONS)] = 3
    warmup_steps: int = 0
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    mosaic_probability: float = 0.0
    mosaic_tiles: tuple[int, int] = (3, 8)
    mosaic_from: str = "synres"
    superclass_probability: float = 0.0
    superclass_table: str = "microworld"
    checkpoint_every: Annotated[int, Meta(ge=1)] = 50
    micro_batch_size: Annotated[int, Meta(ge=0, le=MAX_BATCH)] = 0
    decay: Literal["cosine", "linear"] = "cosine"
    adam_betas: tuple[Beta, Beta] = (0.9, 0.999)
    mosaic_dense: Annotated[float, Meta(ge=0, le=1)] = 0.0
    faults: Literal["mended", "original"] = "mended"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateParams(ChoiceParams):
    """inputs = (weights, benchmark triplets...). `definition`: "lisa" | "gsva" | "gres"."""

    definition: str = "lisa"


def encode_params(params: object) -> bytes:
    """Canonical JSON of a params dataclass, without what came later and is at its default."""
    given = asdict(params)  # type: ignore[call-overload]
    return canonical_json(
        {name: value for name, value in given.items() if name not in _LATER or value != _LATER[name]}
    )


def choice_of(data: bytes) -> BackendChoice:
    """What computes, from params of any stage; raises InvalidInput for other bytes."""
    try:
        return decode_json(data, ChoiceParams).choice
    except ValueError as error:
        raise InvalidInput(f"params name no backend: {error}") from error


def decode_params(data: bytes, params_type: type[Params]) -> Params:
    """The inverse; raises InvalidInput for unknown, missing, mistyped or excessive fields, or other bytes."""
    try:
        params = decode_json(data, params_type)
    except ValueError as error:
        raise InvalidInput(f"params do not fit {params_type.__name__}: {error}") from error
    if encode_params(params) != data:
        raise InvalidInput(f"params of {params_type.__name__} are not complete canonical JSON")
    return params
