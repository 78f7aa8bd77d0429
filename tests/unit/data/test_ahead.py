"""Work done ahead of its turn."""

from __future__ import annotations

import threading

import pytest

from synres.data.ahead import ahead
from synres.errors import InvalidInput


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_results_come_in_the_order_of_their_keys(workers: int) -> None:
    """With any number of workers."""
    assert list(ahead(lambda key: key * key, range(20), workers)) == [key * key for key in range(20)]


def test_workers_are_ahead_by_as_many_as_they_are() -> None:
    """The first result is handed out while four others are under way, and no fifth."""
    release, begun = threading.Event(), []

    def make(key: int) -> int:
        begun.append(key)
        assert key == 0 or release.wait(60)
        return key

    results = ahead(make, range(100), 4)
    assert next(results) == 0
    release.set()
    assert len(begun) <= 5
    results.close()


@pytest.mark.parametrize("workers", [0, 3])
def test_an_error_comes_in_its_turn(workers: int) -> None:
    """What could be made before it is handed out first."""

    def make(key: int) -> int:
        if key == 2:
            raise InvalidInput("no")
        return key

    results = ahead(make, range(9), workers)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(InvalidInput):
        next(results)
