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


def test_what_rows_begin_with_is_shared_as_far_as_it_goes() -> None:
    """Up to the first difference."""
    head, tails = split_prefix(_rows([1, IMAGE_ID, 5, 6, 7], [1, IMAGE_ID, 5, 8]))
    assert head.tolist() == [1, IMAGE_ID, 5]
    assert [tail.tolist() for tail in tails] == [[6, 7], [8]]


def test_equal_rows_keep_their_last_token() -> None:
    """A row that is a prefix of another still has something to read."""
    head, tails = split_prefix(_rows([1, IMAGE_ID, 5], [1, IMAGE_ID, 5]))
    assert head.tolist() == [1, IMAGE_ID]
    assert [tail.tolist() for tail in tails] == [[5], [5]]


def test_rows_that_part_before_the_picture_are_refused() -> None:
    """There is nothing worth sharing in them."""
    with pytest.raises(InvalidInput, match="must begin alike"):
        split_prefix(_rows([1, 2, IMAGE_ID, 5], [1, 3, IMAGE_ID, 5]))
