"""The training stream keeps its ratios, goes through all data, and can start anywhere."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres import spec
from synres.domain.mixture import IndependentDraws, Mixture
from synres.errors import InvalidInput, MixturePartEmpty

RATIOS = spec.Mixture().model_dump()
SIZES = {"sem_seg": 700, "refer_seg": 110, "vqa": 45, "reason_seg": 3, "synres": 260}
ratio_maps = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 5), min_size=1).filter(
    lambda ratios: any(ratios.values())
)


def mixture(seed=0):
    return Mixture(seed, RATIOS, SIZES)


def test_paper_ratios_over_ten_thousand_draws():
    """9:3:3:1:4 within one per cent; in whole cycles of twenty, exactly."""
    drawn = Counter(mixture().draw(step)[0] for step in range(10_000))
    assert drawn == {part: ratio * 500 for part, ratio in RATIOS.items()}


def test_any_window_of_the_stream_is_mixed():
    """No window of a hundred draws strays from the ratios by more than one cycle."""
    stream = mixture()
    for start in (0, 7, 333):
        drawn = Counter(stream.draw(step)[0] for step in range(start, start + 100))
        assert all(abs(drawn[part] - 5 * ratio) <= ratio for part, ratio in RATIOS.items())


@given(st.integers(0, 2**63 - 1), st.integers(0, 10**9))
def test_draws_need_no_memory(seed, step):
    """A fresh stream at any step draws what a stream that came there would."""
    warm = mixture(seed)
    warm.draw(max(step - 1, 0))
    assert warm.draw(step) == mixture(seed).draw(step)


@given(st.integers(0, 2**63 - 1), ratio_maps, st.integers(1, 7))
def test_each_epoch_holds_each_example_once(seed, ratios, size):
    """A part's indices come in permutations: after k whole epochs each was drawn k times."""
    stream = Mixture(seed, ratios, dict.fromkeys(ratios, size))
    drawn = [stream.draw(step) for step in range(sum(ratios.values()) * size * 2)]
    for part, ratio in ratios.items():
        indices = [index for name, index in drawn if name == part]
        assert len(indices) == ratio * size * 2
        for epoch in range(ratio * 2):
            assert sorted(indices[epoch * size : (epoch + 1) * size]) == list(range(size))


def test_every_cycle_and_every_epoch_has_an_order_of_its_own():
    """A training that came round again to the same neighbours would learn their order."""
    stream = Mixture(0, {"real": 2, "synres": 18}, {"real": 10, "synres": 90})
    drawn = [stream.draw(step) for step in range(200)]
    cycles = {tuple(part for part, _ in drawn[start : start + 20]) for start in range(0, 200, 20)}
    assert len(cycles) > 5
    indices = [index for part, index in drawn if part == "synres"]
    assert indices[:90] != indices[90:]


def test_order_follows_the_seed_and_not_the_order_of_parts():
    """Another seed gives another stream; parts listed in another order give the same one."""
    turned = Mixture(0, dict(reversed(RATIOS.items())), SIZES)
    stream = [mixture().draw(step) for step in range(100)]
    assert stream == [turned.draw(step) for step in range(100)]
    assert stream != [mixture(1).draw(step) for step in range(100)]


@pytest.mark.parametrize("sizes", [SIZES | {"vqa": 0}, {k: v for k, v in SIZES.items() if k != "vqa"}])
def test_a_part_without_data_is_an_error(sizes):
    """Never renormalised silently: the part, its ratio and the mend are named."""
    with pytest.raises(MixturePartEmpty, match="'vqa' has ratio 3 and no data; add data or set it to 0"):
        Mixture(0, RATIOS, sizes)


def test_a_ratio_of_nought_leaves_a_part_out():
    """With ratio 0 a part needs no data, and data of it is not drawn."""
    stream = Mixture(0, {"real": 1, "synres": 0}, {"real": 5, "synres": 9})
    assert {stream.draw(step)[0] for step in range(50)} == {"real"}


@pytest.mark.parametrize("ratios", [{}, {"real": 0}, {"real": 1, "synres": -1}])
def test_impossible_ratios_are_refused(ratios):
    """One above 0, none below."""
    with pytest.raises(InvalidInput, match="one above 0 and none below"):
        Mixture(0, ratios, {"real": 1})


def test_data_without_a_ratio_is_refused():
    """Data that nobody would ever see is a mistake in the spec."""
    with pytest.raises(InvalidInput, match="'synres' has data but no ratio"):
        Mixture(0, {"real": 1}, {"real": 1, "synres": 1})


def test_the_originals_draws_meet_the_ratios_in_the_mean():
    """Within one per cent of all over ten thousand draws, and no more exactly than chance has it."""
    stream = IndependentDraws(3, RATIOS, SIZES)
    drawn = Counter(stream.draw(step)[0] for step in range(10_000))
    assert all(abs(drawn[part] - ratio * 500) <= 100 for part, ratio in RATIOS.items())
    assert drawn != {part: ratio * 500 for part, ratio in RATIOS.items()}


def test_the_originals_draw_with_replacement_and_without_memory():
    """Some examples come twice before others come at all; yet a step's draw is its own."""
    stream = IndependentDraws(3, {"a": 1}, {"a": 50})
    drawn = [stream.draw(step)[1] for step in range(50)]
    assert len(set(drawn)) < 45 and set(drawn) <= set(range(50))
    assert [IndependentDraws(3, {"a": 1}, {"a": 50}).draw(step)[1] for step in range(50)] == drawn
    assert len({Mixture(3, {"a": 1}, {"a": 50}).draw(step) for step in range(50)}) == 50
