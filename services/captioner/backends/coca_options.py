"""What a run spec may say of the captioner `coca`. Loads no model framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta


@dataclass(frozen=True, slots=True)
class CocaOptions:
    """How expressions are found. `pool`: candidates for each expression asked for, be they samples or groups.

    Nucleus: `temperature`, `top_p`. Diverse beam search, which draws nothing: `hamming_penalty`, `beams` of a
    group. `view`: what becomes of the picture outside the object; `context`: the margin around it, as a share
    of its longer side. `jaccard`: candidates that share more of their words are one.
    """

    decoding: Literal["nucleus", "diverse_beam"] = "nucleus"
    temperature: Annotated[float, Meta(gt=0)] = 1.0
    top_p: Annotated[float, Meta(gt=0, le=1)] = 0.9
    hamming_penalty: Annotated[float, Meta(ge=0)] = 0.5
    beams: Annotated[int, Meta(ge=1, le=16)] = 2
    view: Literal["blur", "crop", "grey"] = "blur"
    context: Annotated[float, Meta(ge=0, le=4)] = 0.15
    min_tokens: Annotated[int, Meta(ge=1)] = 3
    max_tokens: Annotated[int, Meta(ge=1)] = 24
    pool: Annotated[int, Meta(ge=1, le=32)] = 4
    jaccard: Annotated[float, Meta(ge=0, le=1)] = 0.7
