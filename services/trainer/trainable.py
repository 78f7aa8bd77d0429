"""What recipe and evaluation ask of a RES model. A model joins by one file in `backends/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from synres.domain.types import Expression, ModelInfo
from synres.models.res_image import Size, resized_size
from synres.ports import Image, Mask, Segmenter


@dataclass(frozen=True, slots=True)
class Manner:
    """How an expression is to be asked: as a whole sentence or as a noun. `turns`: questions and answers in
    words, which explain the expression's target, or are all there is to ask where it has none.
    """

    is_sentence: bool = False
    turns: tuple[tuple[str, str], ...] = ()


PLAIN = Manner()


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of training pictures in pixels: mosaics are `side` x `side`, and all else is without `longest`.

    With it whole pictures keep their proportions; their longer side is at most so long, 0 is no bound.
    """

    side: int
    longest: int | None = None

    def whole(self, size: Size) -> Size:
        """What a picture of `size` (height, width) becomes."""
        if self.longest is None:
            return self.side, self.side
        return resized_size(size, self.longest) if 0 < self.longest < max(size) else size


@dataclass(frozen=True, slots=True)
class Asked:
    """One expression of a picture; `has_target` says whether a pixel of it is shown."""

    expression: Expression
    has_target: bool = True
    manner: Manner = PLAIN

    @property
    def is_talk(self) -> bool:
        """There is nothing to segment, but something to answer."""
        return bool(self.manner.turns) and not self.has_target


@dataclass(frozen=True, slots=True)
class Batch:
    """P pictures and B >= P expressions of them; expressions of one picture may share its encoding.

    `refusals` counts superclass replacements that were drawn but not made, `passed_over` draws whose picture
    shows none of its expressions. `seed`, a function of the step, is for what else a model draws: the wording
    of a question. `manners` stand beside the expressions; () says that all are plain. `is_original`: with
    the originals' faults.
    """

    images: Sequence[Image]
    """P, each (H, W, 3) RGB."""
    owners: NDArray[np.int64]
    """(B,): each expression's picture."""
    expressions: tuple[Expression, ...]
    masks: Sequence[Mask | NDArray[np.uint8]]
    """B, each of the size of its picture; an expression without a target has an empty one. As an original has
    them, numbers: 2 and more where parts of a target overlap."""
    refusals: int = 0
    passed_over: int = 0
    seed: int = 0
    manners: tuple[Manner, ...] = ()
    is_original: bool = False

    def asked(self) -> list[Asked]:
        """What is asked, expression by expression."""
        manners = self.manners or (PLAIN,) * len(self.expressions)
        shown = [bool(mask.any()) for mask in self.masks]
        return [Asked(*each) for each in zip(self.expressions, shown, manners, strict=True)]


class Trainable(Protocol):
    """A RES model with its weights, about to be trained."""

    @property
    def shape(self) -> Shape:
        """Of the pictures that the loader makes."""

    @property
    def needs_target(self) -> bool:
        """A picture that shows none of its drawn expressions is passed over, and another one is drawn."""

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
