"""What the events of a run add up to, for those who ask and for the metrics."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from services.coordinator.engine import STAGES
from services.coordinator.events import (
    Event,
    Repairing,
    RunStarted,
    Surveyed,
    TaskDone,
    TaskFailed,
    TaskStarted,
    Waiting,
)  # fmt: skip
from services.coordinator.news import News
from synres import telemetry
from synres.spec import RunSpec

_NONE: Mapping[str, int] = {}


@dataclass(slots=True)
class Watch:
    """One run that is driven. `again` is the spec if the run was asked for anew since it began."""

    halt: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    again: RunSpec | None = None
    planned: dict[str, int] = field(default_factory=dict)
    cached: dict[str, int] = field(default_factory=dict)
    in_flight: dict[str, str] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    news: News = field(default_factory=News)

    def __call__(self, event: Event) -> None:
        self.news(event)
        if isinstance(event, RunStarted):
            self.planned, self.cached, self.done = event.planned, event.cached, event.cached
        elif isinstance(event, Surveyed):
            self.done = event.done
        elif isinstance(event, TaskStarted):
            self.in_flight[event.node] = event.stage
        elif isinstance(event, TaskDone | TaskFailed | Repairing):
            self.in_flight.pop(event.node, None)
        elif isinstance(event, Waiting):
            self.in_flight.pop(event.what, None)

    def backlog(self) -> dict[str, int]:
        """Stage -> planned shards without a record, as the driver last saw it."""
        return {stage: planned - self.done.get(stage, 0) for stage, planned in self.planned.items()}


def measure(watches: Iterable[Watch], others: Mapping[str, int] = _NONE, wanted: Container[str] = ()) -> None:
    """Sets the metric to what remains over all runs; a `wanted` stage has at least 1."""
    remaining = Counter(dict(others))
    for watch in watches:
        remaining.update(watch.backlog())
    for stage in STAGES:
        telemetry.STAGE_BACKLOG.labels(stage).set(max(remaining[stage], stage in wanted))
