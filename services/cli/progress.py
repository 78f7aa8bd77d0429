"""A run as a person watches it: a bar for each stage and training, a word for whatever goes wrong."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from services.cli.console import err
from services.coordinator.engine import STAGES
from services.coordinator.events import (
    DatasetReady,
    Event,
    ItemQuarantined,
    Repairing,
    RunCommitted,
    RunStarted,
    TaskDone,
    TaskFailed,
    TaskProgress,
    TaskStarted,
    Waiting,
)  # fmt: skip

JOBS = ("train", "evaluate")


class RunProgress:
    """Takes the driver's events. On a terminal the bars move; elsewhere each bar that fills is one line.

    Afterwards `run` is the run's id; `planned` and `computed` count its tasks and those that were not there.
    """

    def __init__(self) -> None:
        self.run, self.planned, self.computed = "", 0, 0
        self._bars = Progress(
            TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}[/]"), console=err, disable=not err.is_terminal,
        )  # fmt: skip
        self._stages: dict[str, TaskID] = {}
        self._jobs: dict[str, TaskID] = {}
        self._waits: dict[str, str] = {}
        self._waiting: Waiting | None = None
        self._done: dict[str, int] = {}
        self._planned: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case DatasetReady():
                counts = ", ".join(f"{n} {what}" for what, n in event.counts.items())
                self._say(f"dataset [bold]{event.dataset}[/]: {counts}{' (cached)' if event.cached else ''}")
            case RunStarted():
                self.run, self.planned = event.run, sum(event.planned.values())
                self._begin(event)
            case TaskStarted() if event.stage in JOBS:
                self._job(event.node)
            case TaskProgress():
                self._progress(event)
            case TaskDone():
                self.computed += not event.cached
                self._advance(event)
            case _:
                self._warn(event)

    def _begin(self, event: RunStarted) -> None:
        self._planned, self._done = dict(event.planned), dict(event.cached)
        for stage in STAGES:
            if event.planned.get(stage):
                note = f"{event.cached.get(stage, 0)} were there" if event.cached.get(stage) else ""
                self._stages[stage] = self._bars.add_task(
                    stage, total=event.planned[stage], completed=event.cached.get(stage, 0), note=note
                )
        there, planned = sum(event.cached.values()), sum(event.planned.values())
        self._say(f"run [bold]{event.run}[/]: {there} of {planned} tasks are there")

    def _job(self, node: str) -> TaskID:
        if node not in self._jobs:
            self._jobs[node] = self._bars.add_task(f"  {node}", total=100, note="")
        return self._jobs[node]

    def _progress(self, event: TaskProgress) -> None:
        status = event.status
        self._bars.update(self._job(event.node), completed=int(100 * status.progress),
                          note=escape(status.message))  # fmt: skip
        # without facts it is not at work: it waits for a node, an image, a queue
        if not err.is_terminal and not status.facts and status.message != self._waits.get(event.node, ""):
            self._waits[event.node] = status.message
            self._say(f"{event.node} waits: {escape(status.message)}")

    def _advance(self, event: TaskDone) -> None:
        if event.node in self._jobs:
            self._bars.remove_task(self._jobs.pop(event.node))
        self._done[event.stage] = self._done.get(event.stage, 0) + 1
        if event.stage in self._stages:
            self._bars.update(self._stages[event.stage], completed=self._done[event.stage])
        if event.stage in JOBS:
            self._say(f"{event.node} took {event.cost.get('seconds', 0):.0f} s")
        elif not err.is_terminal and self._done[event.stage] == self._planned.get(event.stage):
            self._say(f"{event.stage}: {self._done[event.stage]} of {self._planned[event.stage]} shards")

    def _warn(self, event: Event) -> None:
        match event:
            case TaskFailed():
                said = f"({event.code}, attempt {event.attempt}): {escape(event.message)}"
                self._say(f"[yellow]{event.node} failed[/] {said}")
            case Waiting() if event != self._waiting:
                self._waiting = event
                self._say(f"[yellow]waiting for {event.what}[/] ({event.code}): {escape(event.message)}")
            case Repairing():
                self._say(f"[yellow]{event.node} is computed again[/]: {event.missing} is gone")
            case ItemQuarantined():
                said = f"in {event.node}: {escape(event.message)}"
                self._say(f"[red]item {event.item[:12]} is quarantined[/] {said}")
            case RunCommitted():
                self._say(f"Merkle root {event.merkle_root}")

    def quote(self, node: str, line: str) -> None:
        """What a job said; from any thread."""
        self._say(f"[dim]{node}:[/] {escape(line)}")

    def _say(self, line: str) -> None:
        self._bars.console.print(line, highlight=False, soft_wrap=True)
