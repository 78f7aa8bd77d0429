"""Room for tasks grows and shrinks with the replicas that are ready."""

from __future__ import annotations

import pytest

from services.coordinator.engine import Node, Task
from services.coordinator.events import Event, Waiting
from services.coordinator.executor import NobodyThere
from services.coordinator.patience import Asleep
from services.coordinator.policy import Window
from services.coordinator.room import Room
from synres.spec import Execution


def _task(stage: str) -> Task:
    return Task(Node(f"{stage}/main/1", stage, 1, "m", "{}", (), "main"), "a", ())


def _fill(room: Room, stage: str) -> int:
    """How many tasks of the stage it takes, one after the other."""
    count = 0
    while room.admits(_task(stage), 0, 0.0):
        room.take(_task(stage))
        count += 1
    return count


def test_each_replica_brings_room_for_as_many_workers() -> None:
    """A new one is used at once; of one that goes, the tasks are waited for."""
    room = Room(Execution(workers=3))
    room.fit({"segment": 1, "caption": 1})
    assert (_fill(room, "segment"), _fill(room, "caption")) == (3, 3)
    room.fit({"segment": 4, "caption": 1})
    assert (_fill(room, "segment"), _fill(room, "caption")) == (9, 0)
    room.fit({"segment": 2, "caption": 1})
    for _ in range(7):
        room.leave(_task("segment"))
    assert _fill(room, "segment") == 1


def test_a_stage_without_a_replica_takes_nothing() -> None:
    """It may sleep; when it wakes there is room at once."""
    room = Room(Execution(workers=2))
    room.fit({"segment": 0})
    assert _fill(room, "segment") == 0
    room.window("segment").shrink(0.0)
    room.window("segment").grow()
    room.fit({"segment": 1})
    assert _fill(room, "segment") == 2


def test_stages_of_one_machine_share_its_workers() -> None:
    """In process, and for jobs: `workers` is what the machine takes."""
    room = Room(Execution(workers=3))
    assert (_fill(room, "segment"), _fill(room, "caption")) == (3, 0)
    room.fit({"segment": 1})
    assert _fill(room, "caption") == 3


def test_the_mark_holds_for_each_replica() -> None:
    """Else more replicas than the mark would have nothing to do."""
    room = Room(Execution(workers=4, high_water_mark=4))
    room.fit({"segment": 3})
    assert _fill(room, "segment") == 12
    assert not room.admits(_task("segment"), 4, 0.0)


def test_a_window_under_pressure_opens_for_new_replicas_alone() -> None:
    """What old ones could not take they still cannot."""
    window = Window(8, 2.0)
    window.fit(16)
    assert window.size == 10
    window.fit(4)
    assert window.size == 4


def test_who_sleeps_is_told_of_and_waited_for_with_patience() -> None:
    """While something else goes on there is no hurry; alone it ends with what it waits for."""
    told = list[Event]()
    asleep = Asleep(0.0, told.append)
    asleep.look(["segment"], {"segment": 0}, is_busy=True)
    asleep.look(["segment"], {"segment": 0}, is_busy=True)
    asleep.look(["segment"], {"segment": 1}, is_busy=False)
    asleep.look(["train"], {"segment": 0}, is_busy=False)
    (event,) = told
    assert isinstance(event, Waiting) and event.what == "segment"
    with pytest.raises(NobodyThere, match="no replica of segment is ready"):
        asleep.look(["segment"], {"segment": 0}, is_busy=False)
