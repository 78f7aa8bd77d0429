"""How a diffusers pipeline draws: options of the backends `sana` and `triton`. Imports no model framework."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from synres.errors import InvalidInput

PRECISIONS = ("bf16", "fp16", "fp32")
SCHEDULERS = ("default", "flow_dpm", "flow_euler")
SIDE_STEP = 32
"""SANA's autoencoder makes one latent of 32 x 32 pixels."""
MAX_PIXELS = 4096 * 4096
"""The largest SANA draws as much."""


@dataclass(frozen=True, slots=True)
class DrawOptions:
    """None leaves what the pipeline does by itself; sides, in pixels, then are those it was trained for.

    `scheduler` "flow_dpm" and "flow_euler" are for flow models, "default" is the stored one.
    `complex_human_instruction` asks SANA's text encoder to embellish the prompt, as published: it may add
    attributes that nobody asked for. `max_sequence_length` in tokens. `resolution_binning` draws at the
    nearest trained size, and resizes. Values out of range raise InvalidInput.
    """

    steps: int | None = None
    guidance: float | None = None
    height: int | None = None
    width: int | None = None
    scheduler: str = "default"
    negative_prompt: str = ""
    complex_human_instruction: bool = True
    max_sequence_length: int = 300
    resolution_binning: bool = False

    def __post_init__(self) -> None:
        _check_range("steps", self.steps, 1, 1000)
        _check_range("guidance", self.guidance, 0, 100)
        _check_range("max_sequence_length", self.max_sequence_length, 8, 4096)
        _check_choice("scheduler", self.scheduler, SCHEDULERS)
        check_size(self.height, self.width)

    def draw_options(self) -> dict[str, Any]:
        """What differs from the defaults, by name: as `DrawOptions(**...)` takes it."""
        own = asdict(self)
        return {f.name: own[f.name] for f in fields(DrawOptions) if own[f.name] != f.default}


@dataclass(frozen=True, slots=True)
class SanaOptions(DrawOptions):
    """`precision` of the transformer; SANA's text encoder and autoencoder stay bf16 unless all is fp32.

    `batch_size` counts pictures drawn at once: with 1, a picture does not depend on its company by a hair.
    `safety_filter` names an installed one (`services.generator.safety`), or "none".
    """

    precision: str = "bf16"
    batch_size: int = 1
    safety_filter: str = "none"

    def __post_init__(self) -> None:
        # zero-argument super() does not work in dataclasses with slots
        DrawOptions.__post_init__(self)
        _check_choice("precision", self.precision, PRECISIONS)
        _check_range("batch_size", self.batch_size, 1, 64)


@dataclass(frozen=True, slots=True)
class TritonOptions(DrawOptions):
    """Precision and batches are Triton's own business; `safety_filter` as in SanaOptions."""

    safety_filter: str = "none"


def check_size(height: int | None, width: int | None) -> None:
    """Raises InvalidInput unless the sides are multiples of 32 and the picture has at most 4096 x 4096."""
    for name, side in (("height", height), ("width", width)):
        if side is not None and (side < SIDE_STEP or side % SIDE_STEP):
            raise InvalidInput(f"{name} {side} is no multiple of {SIDE_STEP}; take {_nearest_side(side)}")
    if (height or SIDE_STEP) * (width or SIDE_STEP) > MAX_PIXELS:
        raise InvalidInput(f"a picture of {height} x {width} is too large: at most 4096 x 4096 pixels")


def _nearest_side(side: int) -> int:
    return max(SIDE_STEP, round(side / SIDE_STEP) * SIDE_STEP)


def _check_range(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise InvalidInput(f"{name} {value} is out of range: it may be {low} to {high}")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidInput(f"{name} {value!r} is unknown; there is {', '.join(choices)}")
