"""Work is admitted by the seconds that it will take, and pictures are decoded while there is room."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.segmenter.admission import Estimate, Room, WorkAdmission, work_of
from synres.errors import DeadlineExceeded, Overloaded

PATIENCE_S = 60.0
LONG_S = 1e6


ONE = work_of([(100, 1)])
TWO = work_of([(100, 1), (100, 1)])
SHAPES = tuple(work_of(each) for each in ([(300_000, 1)], [(300_000, 12)], [(300_000, 2), (12_000_000, 4)]))


@given(
    st.floats(0.001, 5), st.floats(0.001, 5), st.floats(0.001, 0.1),
    st.lists(st.lists(st.tuples(st.integers(1, 2**24), st.integers(1, 30)), min_size=1, max_size=8)),
)  # fmt: skip
def test_the_estimate_learns_what_work_takes(
    picture_s: float, expression_s: float, pixels_s: float, seen: list[list[tuple[int, int]]]
) -> None:
    """After enough work of mixed shapes and sizes it tells the time of any of them within a fifth."""
    estimate, costs = Estimate(), np.array([picture_s, expression_s, pixels_s])
    for work in [*map(work_of, seen), *SHAPES * 300]:
        estimate.learn(work, float(work @ costs))
    for work in SHAPES:
        assert estimate.seconds(work) == pytest.approx(float(work @ costs), rel=0.2)


def test_work_is_pictures_expressions_and_mask_pixels() -> None:
    """Two pictures with three expressions in all, whose masks have 8 million pixels."""
    assert work_of([(2_000_000, 1), (3_000_000, 2)]) == pytest.approx([2, 3, 8])


def test_seconds_of_work_are_bounded() -> None:
    """Past the bound a call is told when there will be room; a place that is given back is free."""
    admission = WorkAdmission("test", limit_s=1.0, max_calls=100)
    admission.estimate = Estimate((0.4, 0.0, 0.0))
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(admission.place(ONE, LONG_S))
        with pytest.raises(Overloaded) as caught, admission.place(ONE, LONG_S):
            pass
        assert caught.value.retry_after_s == pytest.approx(0.2)
    with admission.place(TWO, LONG_S):
        pass


def test_what_cannot_be_done_in_time_is_refused_at_once() -> None:
    """A deadline of half a second behind work of 0.8 s would only waste the model."""
    admission = WorkAdmission("test", limit_s=10.0, max_calls=100)
    admission.estimate = Estimate((0.4, 0.0, 0.0))
    with (
        admission.place(TWO, LONG_S),
        pytest.raises(Overloaded),
        admission.place(ONE, remaining_s=0.5),
    ):
        pass


def test_a_call_that_is_alone_always_fits() -> None:
    """However long it may take: nobody else is kept waiting by a refusal."""
    admission = WorkAdmission("test", limit_s=0.1, max_calls=1)
    with admission.place(100 * ONE, LONG_S), pytest.raises(Overloaded), admission.place(ONE, LONG_S):
        pass


def test_room_is_given_in_the_order_of_asking() -> None:
    """A large picture is not passed by small ones for ever."""
    room, came = Room(10), []

    def take(pixels: int) -> None:
        with room.taken(pixels, PATIENCE_S):
            came.append(pixels)

    with room.taken(6, PATIENCE_S):
        threads = []
        for pixels in (9, 1):
            threads.append(threading.Thread(target=take, args=(pixels,)))
            threads[-1].start()
            while len(room._waiting) < len(threads):
                time.sleep(0.01)
        assert came == []
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(came) == [1, 9]


def test_no_room_in_time_is_a_deadline() -> None:
    """And who gave up holds nothing afterwards."""
    room = Room(10)
    with room.taken(99, PATIENCE_S), pytest.raises(DeadlineExceeded), room.taken(1, 0.01):
        pass
    with room.taken(10, 0.01):
        pass
