"""Shards and online calls share the models: one at a time, and nobody waits for all of a shard."""

from __future__ import annotations

import threading

from synres.rpc.calls import ModelCalls
from synres.stages.shard import never_stop

PATIENCE_S = 60.0


def test_a_shard_gives_way_between_items() -> None:
    """The online call has its turn while the shard goes on, and never at the same moment."""
    calls, served, at_work = ModelCalls("test"), threading.Event(), threading.Semaphore(1)

    def ask() -> None:
        with calls.online_turn(None):
            assert at_work.acquire(blocking=False)
            served.set()
            at_work.release()

    with calls.turn(never_stop):
        check = calls.giving_way(never_stop)
        online = threading.Thread(target=ask)
        online.start()
        for _ in range(int(PATIENCE_S / 0.01)):
            assert at_work.acquire(blocking=False)
            at_work.release()
            check()
            if served.wait(0.01):
                break
        assert served.is_set()
    online.join(PATIENCE_S)
    with calls.turn(never_stop):
        pass


def test_without_online_calls_a_shard_keeps_its_turn() -> None:
    """Another shard does not come between its items."""
    calls = ModelCalls("test")
    came: list[str] = []

    def other() -> None:
        with calls.turn(never_stop):
            came.append("other")

    with calls.turn(never_stop):
        check = calls.giving_way(never_stop)
        second = threading.Thread(target=other)
        second.start()
        for _ in range(100):
            check()
        came.append("first")
    second.join(PATIENCE_S)
    assert came == ["first", "other"]
