"""The training losses of LISA-like models. Logits and targets of one picture: (n, H, W) of its own size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from synres.errors import InvalidInput

CE_WEIGHT, BCE_WEIGHT, DICE_WEIGHT = 1.0, 2.0, 0.5
IGNORED_LABEL = -100

# keeps divisions by a number of masks finite: constants of the published losses, which parity rests on
_FEW = 1e-8
_DICE_SCALE = 1000.0
_DICE_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class Losses:
    """Scalars; `mask_bce` and `mask_dice` carry their weights already. total = ce + mask_bce + mask_dice."""

    ce: Tensor
    mask_bce: Tensor
    mask_dice: Tensor

    @property
    def total(self) -> Tensor:
        return CE_WEIGHT * self.ce + self.mask_bce + self.mask_dice


def dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum over masks of (1 - dice), over (n + 1e-8). Targets of 2, where parts overlap, count double."""
    chances = logits.float().sigmoid().flatten(1)
    wanted = targets.to(chances.dtype).flatten(1)
    both = 2 * (chances / _DICE_SCALE * wanted).sum(-1)
    either = (chances / _DICE_SCALE).sum(-1) + (wanted / _DICE_SCALE).sum(-1)
    dice = 1 - (both + _DICE_EPS) / (either + _DICE_EPS)
    return dice.sum() / (len(logits) + _FEW)


def bce_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum over masks of the pixels' mean binary cross-entropy, over (n + 1e-8)."""
    wanted = targets.to(torch.float32)
    pixels = F.binary_cross_entropy_with_logits(logits.float(), wanted, reduction="none")
    return pixels.flatten(1).mean(1).sum() / (len(logits) + _FEW)


def mask_losses(logits: Sequence[Tensor], targets: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Weighted (bce, dice) of a batch's pictures; a picture without masks adds nothing.

    Raises InvalidInput where a picture has another number of masks than its conversations have [SEG].
    """
    masks = sum(len(target) for target in targets)
    pairs = list(zip(logits, targets, strict=True))
    for place, (x, t) in enumerate(pairs):
        if len(x) != len(t):
            raise InvalidInput(
                f"picture {place} of the batch has {len(t)} masks and {len(x)} [SEG]: "
                "its answers lack some, or were cut off at the maximal length"
            )
    bce = torch.stack([bce_loss(x, t) * len(t) for x, t in pairs]).sum()
    dice = torch.stack([dice_loss(x, t) * len(t) for x, t in pairs]).sum()
    return BCE_WEIGHT * bce / (masks + _FEW), DICE_WEIGHT * dice / (masks + _FEW)
