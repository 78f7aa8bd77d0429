"""Pairs of masks counted in batches, against dense arrays and against the checks for one mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from synres.domain.mask_pairs import check_rles, count_pairs
from synres.domain.masks import encode_mask, runs_of
from synres.domain.types import Rle
from synres.errors import RejectedItem

sizes = st.tuples(st.integers(1, 9), st.integers(1, 40))
pairs = sizes.flatmap(lambda size: st.tuples(*[arrays.arrays(np.bool_, size)] * 2))


@given(st.lists(pairs, max_size=6))
@settings(max_examples=60)
def test_counts_equal_those_of_dense_masks(drawn: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Whatever the masks and their sizes, and however many there are."""
    counts = count_pairs(*([encode_mask(pair[k]) for pair in drawn] for k in (0, 1)))
    expected = [[np.count_nonzero(a & b), np.count_nonzero(a), np.count_nonzero(b)] for a, b in drawn]
    assert counts.tolist() == expected


def test_many_pairs_are_counted_in_batches() -> None:
    """More pairs than a batch holds come out in their order."""
    rng = np.random.default_rng(0)
    masks = [encode_mask(rng.random((7, 11)) < 0.4) for _ in range(700)]
    counts = count_pairs(masks[:350], masks[350:])
    one_by_one = np.concatenate(
        [count_pairs([a], [b]) for a, b in zip(masks[:350], masks[350:], strict=True)]
    )
    assert (counts == one_by_one).all()


BAD = [
    Rle((3, 3), ""), Rle((3, 3), "P"), Rle((3, 3), "0"), Rle((3, 3), "\xe9"), Rle((3, 3), "900000"),
    Rle((0, 9), "0"), Rle((1 << 15, 1 << 15), "1"), Rle((3, 3), "P" * 7 + "1"), Rle((3, 3), "1O9"),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_what_one_mask_is_refused_for_a_batch_is_refused_for(bad: Rle) -> None:
    """Counts that overrun the picture never reach the C code, wherever in the batch they stand."""
    good = encode_mask(np.eye(3, dtype=np.bool_))
    with pytest.raises(RejectedItem) as alone:
        runs_of(bad)
    with pytest.raises(RejectedItem) as found:
        check_rles([good, bad, good])
    assert found.value.reason == alone.value.reason == "mask_unreadable"


@given(
    st.lists(
        st.text("0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmno", max_size=6), min_size=1
    )
)
def test_a_batch_accepts_exactly_what_each_of_its_masks_is_accepted_for(texts: list[str]) -> None:
    """Random counts for masks of 2 x 3."""

    def is_refused(rles: list[Rle]) -> bool:
        try:
            check_rles(rles)
        except RejectedItem:
            return True
        return False

    def is_bad(rle: Rle) -> bool:
        try:
            runs_of(rle)
        except RejectedItem:
            return True
        return False

    rles = [Rle((2, 3), text) for text in texts]
    assert is_refused(rles) == any(is_bad(rle) for rle in rles)


def test_a_pair_of_two_sizes_is_refused() -> None:
    """Masks of two sizes have nothing in common."""
    with pytest.raises(RejectedItem) as found:
        count_pairs([encode_mask(np.ones((2, 3), np.bool_))], [encode_mask(np.ones((3, 2), np.bool_))])
    assert found.value.reason == "mask_size_mismatch"
