"""What the driver tells as it goes: frozen records, handed to one callback from the driver's own thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from synres.ports import JobStatus


@dataclass(frozen=True, slots=True)
class DatasetReady:
    """A dataset is in the store: `counts` of pictures, samples, triplets, rejections."""

    dataset: str
    counts: dict[str, int]
    cached: bool


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The plan stands: shards planned and already recorded, by stage."""

    run: str
    planned: dict[str, int]
    cached: dict[str, int]


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What is recorded now, by stage: fewer than before, where something had to be made again."""

    done: dict[str, int]


@dataclass(frozen=True, slots=True)
class TaskStarted:
    stage: str
    node: str
    action: str


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """A training or evaluation says how far it is."""

    stage: str
    node: str
    status: JobStatus


@dataclass(frozen=True, slots=True)
class TaskDone:
    """`cached`: somebody had recorded it meanwhile."""

    stage: str
    node: str
    action: str
    counts: dict[str, int]
    cost: dict[str, float]
    cached: bool


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """One attempt failed; the task is tried again, or split to single items after the last attempt."""

    stage: str
    node: str
    code: str
    message: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing is wrong with the task: store or service are down or full, or another has the lease."""

    what: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Repairing:
    """A blob is gone; what made it is computed again."""

    node: str
    missing: str


@dataclass(frozen=True, slots=True)
class ItemQuarantined:
    """`action` is the item's own."""

    stage: str
    node: str
    action: str
    item: str
    message: str


@dataclass(frozen=True, slots=True)
class RunCommitted:
    run: str
    merkle_root: str


Event: TypeAlias = (
    DatasetReady | RunStarted | Surveyed | TaskStarted | TaskProgress | TaskDone | TaskFailed | Waiting
    | Repairing | ItemQuarantined | RunCommitted
)  # fmt: skip
OnEvent: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """For callers that do not listen."""
