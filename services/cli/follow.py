"""What jobs say while they run, line by line: `--follow`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from services.cli.progress import JOBS
from services.coordinator.events import Event, OnEvent, TaskDone, TaskFailed, TaskStarted
from synres.errors import SynresError
from synres.ports import JobRunner

_POLL_S = 1.0


class Follower:
    """Takes the driver's events and hands them on; `tell` gets (node, line) of each job. A context manager.

    A trainer that does not answer is asked again: the run says what keeps it.
    """

    def __init__(
        self,
        jobs: JobRunner,
        on_event: OnEvent,
        tell: Callable[[str, str], None],
        poll_s: float = _POLL_S,
    ) -> None:
        self._jobs, self._on_event, self._tell, self._poll_s = jobs, on_event, tell, poll_s
        self._ended: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def __call__(self, event: Event) -> None:
        self._on_event(event)
        if isinstance(event, TaskStarted | TaskDone | TaskFailed) and event.node in self._ended:
            self._ended.pop(event.node).set()
        if isinstance(event, TaskStarted) and event.stage in JOBS:
            ended = self._ended[event.node] = threading.Event()
            thread = threading.Thread(
                target=self._follow, args=(event.node, event.action, ended), daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for ended in self._ended.values():
            ended.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, node: str, action: str, ended: threading.Event) -> None:
        seen: list[str] = []
        is_last = False
        while not is_last:
            is_last = ended.wait(self._poll_s)
            try:
                lines = self._jobs.log(action)
            except SynresError:
                continue
            for line in new_lines(seen, lines):
                self._tell(node, in_words(line))
            seen = lines or seen


def new_lines(seen: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """Those of `now` that follow what was `seen`: both are ends of one log."""
    for overlap in range(min(len(seen), len(now)), 0, -1):
        if list(seen[-overlap:]) == list(now[:overlap]):
            return now[overlap:]
    return now


def in_words(line: str) -> str:
    """A job's own line: how far it is, its message, its numbers. What libraries said stays as it is."""
    try:
        words = json.loads(line)
    except ValueError:
        return line
    if not isinstance(words, dict):
        return line
    message = str(words.get("message", ""))
    told_already = {"pid", "done", "whole", *message.split()}
    numbers = (f"{name} {value:.6g}" for name, value in words.items()
               if isinstance(value, int | float) and name not in told_already)  # fmt: skip
    far = f"{words['done']} of {words['whole']}" if {"done", "whole"} <= words.keys() else ""
    told = (far, str(words.get("code", "")), message, *numbers)
    return "  ".join(filter(None, told))
