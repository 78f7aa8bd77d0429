"""How a picture's patches enter the text, and how rows share what they begin with."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from synres.errors import InvalidInput
from synres.models.llava import IMAGE_ID, predicted, split_prefix


def _rows(*rows: list[int]) -> list[Tensor]:
    return [torch.tensor(row) for row in rows]


def test_tokens_line_up_with_the_states_that_predict_them() -> None:
    """With 4 patches, the token at place 3 is predicted by state 2 + 4 - 1."""
    tokens = torch.tensor([[1, IMAGE_ID, 7, 9]])
    assert predicted(tokens, 4, -100).tolist() == [[-100, -100, -100, IMAGE_ID, 7, 9, -100]]


def test_rows_share_what_stands_up_to_their_picture() -> None:
    """And no more, so that the prefix does not depend on what is asked."""
    head, tails = split_prefix(_rows([1, IMAGE_ID, 5, 6, 7], [1, IMAGE_ID, 5]))
    assert head.tolist() == [1, IMAGE_ID]
    assert [tail.tolist() for tail in tails] == [[5, 6, 7], [5]]


@pytest.mark.parametrize("rows", [([1, 2, IMAGE_ID, 5], [1, 3, IMAGE_ID, 5]), ([1, 2], [1, 2])])
def test_rows_that_share_no_picture_are_refused(rows: tuple[list[int], ...]) -> None:
    """They part before it, or have none."""
    with pytest.raises(InvalidInput, match="must begin alike"):
        split_prefix(_rows(*rows))
