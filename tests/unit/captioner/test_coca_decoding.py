"""Decoding over distributions that fit on a hand, and over random ones."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from services.captioner.backends.coca_decoding import (
    Grammar,
    draw_nucleus,
    sample_nucleus,
    search_diverse,
)

START, END, A, B = 3, 0, 1, 2
SHORT = Grammar(START, END, (START,), 0, 2)


def _toy(ids: Tensor) -> Tensor:
    """P(end, A, B) = 0.2, 0.5, 0.3 at first; after A 0.9, 0, 0.1; after B 0.5, 0.5, 0."""
    table = {START: (0.2, 0.5, 0.3), A: (0.9, 0.0, 0.1), B: (0.5, 0.5, 0.0), END: (1.0, 0.0, 0.0)}
    rows = [[*table[last], 0.0] for last in ids[:, -1].tolist()]
    return torch.tensor(rows).log()


def _random(seed: int, vocabulary: int) -> Tensor:
    """Logits of the next token by last token, (vocabulary, vocabulary)."""
    return torch.randn(vocabulary, vocabulary, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("top_p", "drawn"), [(0.49, {A}), (0.5, {A, B}), (0.79, {A, B}), (0.8, {A, B, END}), (1.0, {A, B, END})]
)
def test_the_nucleus_is_what_has_at_most_top_p_before_it(top_p: float, drawn: set[int]) -> None:
    """Of 0.5, 0.3, 0.2 the second has 0.5 before it and the third 0.8: equal is inside."""
    probabilities = torch.tensor([0.2, 0.5, 0.3, 0.0], dtype=torch.float64).expand(400, -1)
    tokens = draw_nucleus(probabilities, top_p, torch.Generator().manual_seed(1))
    assert set(tokens.flatten().tolist()) == drawn


def test_what_is_drawn_keeps_its_proportions() -> None:
    """Inside the nucleus 0.5 against 0.3 stay 5 against 3; the cut-off mass goes to nobody in particular."""
    probabilities = torch.tensor([0.2, 0.5, 0.3, 0.0]).expand(20_000, -1)
    tokens = draw_nucleus(probabilities, 0.7, torch.Generator().manual_seed(1))
    assert (tokens == A).double().mean().item() == pytest.approx(0.625, abs=0.02)


def test_samples_end_and_carry_their_likelihood() -> None:
    """With a tiny nucleus the likeliest text comes: A, end, with the mean of log 0.5 and log 0.9."""
    texts = sample_nucleus(_toy, 3, SHORT, 1.0, 1e-6, torch.Generator().manual_seed(0))
    assert [text.ids for text in texts] == [[A]] * 3
    assert all(text.ended for text in texts)
    assert texts[0].likelihood == pytest.approx((log(0.5) + log(0.9)) / 2)


def test_one_seed_is_one_set_of_samples() -> None:
    """And another seed another."""
    draw = lambda seed: sample_nucleus(_toy, 20, SHORT, 1.0, 1.0, torch.Generator().manual_seed(seed))
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)


def test_a_low_temperature_sharpens() -> None:
    """At temperature 0.1 the likeliest first token is all but certain: 0.5 ** 10 against 0.3 ** 10."""
    texts = sample_nucleus(_toy, 200, SHORT, 0.1, 1.0, torch.Generator().manual_seed(0))
    assert sum(text.ids[:1] == [A] for text in texts) > 190


def test_no_text_is_shorter_than_asked_and_a_cut_one_says_so() -> None:
    """The end is barred until two tokens are said, and here there is no room for it after them."""
    longer = Grammar(START, END, (START,), 2, 2)
    texts = sample_nucleus(_toy, 50, longer, 1.0, 1.0, torch.Generator().manual_seed(0))
    assert all(len(text.ids) == 2 and not text.ended for text in texts)


def test_beam_scores_by_hand() -> None:
    """A beam of two: A end has 0.5 x 0.9, over two steps; B end 0.3 x 0.5 and end alone 0.2 lose to it."""
    (best,) = search_diverse(_toy, 1, 2, SHORT, 0.0)
    assert (best.ids, best.ended) == ([A], True)
    assert best.likelihood == pytest.approx((log(0.5) + log(0.9)) / 2)


def test_the_penalty_moves_the_second_group_and_not_its_scores() -> None:
    """log 0.5 - log 0.3 is 0.51: a penalty of 0.4 leaves A first in both groups, one of 0.6 makes way for B,
    which keeps its bare probability: 0.3 x 0.5."""
    same = search_diverse(_toy, 2, 1, SHORT, 0.4)
    assert [text.ids for text in same] == [[A], [A]]
    first, second = search_diverse(_toy, 2, 1, SHORT, 0.6)
    assert (first.ids, second.ids[0]) == ([A], B)
    assert first.likelihood == pytest.approx((log(0.5) + log(0.9)) / 2)
    assert exp(2 * second.likelihood) == pytest.approx(0.3 * 0.5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(1, 3))
def test_without_penalty_all_groups_are_one_and_with_it_they_are_not(
    seed: int, groups: int, beams: int
) -> None:
    """Hamming penalty 0 gives the same text in each group; a great one another first token in each."""
    table = _random(seed, 24)
    grammar = Grammar(0, 1, (0,), 1, 5)
    search = lambda penalty: search_diverse(lambda ids: table[ids[:, -1]], groups, beams, grammar, penalty)
    assert len({tuple(text.ids) for text in search(0.0)}) == 1
    diverse = [tuple(text.ids) for text in search(1e3)]
    assert len(set(diverse)) == groups


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_a_wide_beam_finds_the_best_text(seed: int) -> None:
    """A beam as wide as the tree is exhaustive search: no text has a greater mean log-probability."""
    table = _random(seed, 4).double()
    grammar = Grammar(0, 1, (0,), 1, 3)
    (best,) = search_diverse(lambda ids: table[ids[:, -1]], 1, 40, grammar, 0.0)
    assert best.likelihood == pytest.approx(_best(table, grammar), rel=1e-5)


def _best(table: Tensor, grammar: Grammar) -> float:
    found: list[float] = []

    def walk(last: int, total: float, length: int) -> None:
        if last == grammar.end or length == grammar.max_tokens:
            found.append(total / length)
            return
        logits = table[last].clone()
        logits[list(grammar.unsaid)] = -torch.inf
        if length < grammar.min_tokens:
            logits[grammar.end] = -torch.inf
        gains = logits.log_softmax(0)
        for token in range(len(gains)):
            if gains[token] > -torch.inf:
                walk(token, total + gains[token].item(), length + 1)

    walk(grammar.start, 0.0, 0)
    return max(found)
