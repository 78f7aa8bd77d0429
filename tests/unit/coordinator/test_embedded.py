"""The embedded executor: which calls may overlap."""

from __future__ import annotations

import threading
import time

import pytest

from services.coordinator.run import run_spec
from synres.ports import FoundExpressions, ObjectView
from tests.fakes import MemoryStore
from tests.instant import InstantCaptioner
from tests.runs import instant_executor, spec_with


class Counting(InstantCaptioner):
    """Remembers how many of its calls were under way at once, at most."""

    lock, active, most = threading.Lock(), 0, 0

    def caption(self, view: ObjectView, n: int, seed: int) -> FoundExpressions:
        with self.lock:
            type(self).active += 1
            type(self).most = max(self.most, self.active)
        time.sleep(0.01)
        found = super().caption(view, n, seed)
        with self.lock:
            type(self).active -= 1
        return found


class Careless(Counting):
    thread_safe = False


class Careful(Counting):
    thread_safe = True


@pytest.mark.parametrize(("captioner", "least", "most"), [(Careless, 1, 1), (Careful, 2, 4)])
def test_calls_of_a_backend_overlap_only_if_it_says_that_they_may(
    captioner: type[Counting], least: int, most: int
) -> None:
    """A pipeline with a scheduler inside would mix the steps of two pictures."""
    store = MemoryStore()
    spec = spec_with(("shard_size: 4", "shard_size: 1"), ("workers: 2", "workers: 4"))
    run_spec(spec, store, instant_executor(store, captioner=captioner))
    assert least <= captioner.most <= most
