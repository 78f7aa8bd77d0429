"""What failures mean, how long to wait, how wide the window is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.policy import LONGEST_S, Verdict, Window, full_jitter, judge
from synres import errors


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (errors.StoreUnavailable("down"), Verdict.WAIT),
        (errors.StoreFull("full"), Verdict.WAIT),
        (errors.ModelMismatch("another"), Verdict.WAIT),
        (errors.Overloaded("full", 2.0), Verdict.CROWDED),
        (errors.ServiceUnavailable("died"), Verdict.DIED),
        (errors.ArtifactMissing("0" * 64), Verdict.REPAIR),
        (errors.DeadlineExceeded("late"), Verdict.ATTEMPT),
        (errors.InternalError("bug"), Verdict.ATTEMPT),
        (errors.TrainingFailed("loss"), Verdict.ATTEMPT),
        (ZeroDivisionError("a backend's own"), Verdict.ATTEMPT),
        (errors.SpecInvalid("typo"), Verdict.STOP),
        (errors.BackendUnavailable("no torch"), Verdict.STOP),
        (errors.Unauthenticated("token"), Verdict.STOP),
        (errors.CostCapReached("spent"), Verdict.STOP),
    ],
)
def test_each_failure_has_its_meaning(error: BaseException, verdict: Verdict) -> None:
    """Outages and pressure are no attempts; what no retry mends ends the run."""
    assert judge(error) is verdict


@given(st.integers(0, 1000), st.integers())
def test_waits_are_spread_and_bounded(tries: int, seed: int) -> None:
    """Full jitter: anywhere from nought to a bound that never passes the longest."""
    assert 0 <= full_jitter(tries, random.Random(seed)) <= LONGEST_S


@given(st.lists(st.booleans(), max_size=60))
def test_a_window_stays_between_one_and_its_most(successes: list[bool]) -> None:
    """Whatever happens, something may go, and never more than the workers."""
    window = Window(8, 8.0)
    for good in successes:
        window.grow() if good else window.shrink(0.0)
        assert 1 <= window.size <= 8
        assert window.admits(0, 1.0)
        assert not window.admits(8, 1.0)


def test_a_window_halves_and_grows_back() -> None:
    """Under pressure half of it closes, until the time the service named; successes open it one by one."""
    window = Window(8, 8.0)
    window.shrink(closed_until_s=5.0)
    assert not window.admits(0, 4.9)
    assert window.admits(3, 5.0) and not window.admits(4, 5.0)
    for _ in range(5):
        window.grow()
    assert window.admits(4, 5.0)
