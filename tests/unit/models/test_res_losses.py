"""The mask losses beside the originals' on hand-made logits."""

from __future__ import annotations

import pytest
import torch

from synres.errors import InvalidInput
from synres.models.res_losses import bce_loss, dice_loss, mask_losses
from tests.unit.models.res_parity import Fixture

CASES = Fixture("lisa").tensors("losses")


@pytest.mark.parametrize("case", range(9))
def test_dice_and_bce_are_the_originals(case: int) -> None:
    """Empty, full and double targets, saturated logits, and no mask at all."""
    logits, target = CASES[f"{case}.logits"], CASES[f"{case}.target"]
    assert dice_loss(logits, target).item() == pytest.approx(CASES[f"{case}.dice"].item(), rel=1e-5)
    assert bce_loss(logits, target).item() == pytest.approx(CASES[f"{case}.bce"].item(), rel=1e-5)


def test_a_picture_without_masks_adds_nothing() -> None:
    """The batch's mean is over masks and not over pictures."""
    logits, target = CASES["0.logits"], CASES["0.target"]
    none = torch.zeros((0, 9, 9))
    alone, beside = mask_losses([logits], [target]), mask_losses([logits, none], [target, none])
    assert [a.item() for a in alone] == [b.item() for b in beside]


def test_masks_without_their_token_are_refused() -> None:
    """A long conversation that was cut loses its [SEG]; it would train nothing or the wrong mask."""
    with pytest.raises(InvalidInput, match=r"picture 0 of the batch has 3 masks and 2 \[SEG\]"):
        mask_losses([CASES["0.logits"][:2]], [CASES["0.target"]])


def test_a_batch_without_masks_costs_nothing() -> None:
    """And is no division by nought."""
    none = torch.zeros((0, 9, 9))
    assert [loss.item() for loss in mask_losses([none], [none])] == [0.0, 0.0]
