"""What recipe and evaluation ask of a RES model. A model joins by one file in `backends/`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from synres.domain.types import Expression, ModelInfo
from synres.ports import Segmenter


@dataclass(frozen=True, slots=True)
class Batch:
    """P pictures and B >= P expressions of them; expressions of one picture may share its encoding.

    `refusals` counts superclass replacements that were drawn but not made. `seed`, a function of the step, is
    for what else a model draws: the wording of a question.
    """

    images: NDArray[np.uint8]
    """(P, side, side, 3) RGB."""
    owners: NDArray[np.int64]
    """(B,): each expression's picture."""
    expressions: tuple[Expression, ...]
    masks: NDArray[np.bool_]
    """(B, side, side)."""
    refusals: int = 0
    seed: int = 0


class Trainable(Protocol):
    """A RES model with its weights, about to be trained."""

    @property
    def side(self) -> int:
        """The loader makes training pictures `side` x `side` pixels."""

    @property
    def module(self) -> nn.Module:
        """What requires a gradient is optimised, and is what a checkpoint holds."""

    def loss(self, batch: Batch) -> Tensor:
        """A scalar with gradient."""

    def weights(self) -> bytes:
        """safetensors of what was trained, equal for equal weights."""


class TrainableBackend(Protocol):
    """Opens models. `model` identifies code and shipped base: the actions' model digest is its digest."""

    model: ModelInfo

    def open(self, weights: bytes | None, seed: int) -> Trainable:
        """From safetensors, or the base for None; raises ArtifactCorrupt for another model's.

        Parts that neither of them holds are drawn, equal for equal seeds.
        """

    def scratch(self, seed: int) -> Trainable:
        """Freshly drawn weights, equal for equal seeds; raises InvalidInput for what only has a base."""

    def segmenter(self, weights: bytes) -> Segmenter:
        """For evaluation: what a training has left, on pictures of any size; raises as `open`."""
