"""What a failure means for the driver, how long to wait, and how much to send at once."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

from synres.errors import (
    ArtifactCorrupt,
    ArtifactMissing,
    BackendUnavailable,
    InvalidInput,
    LedgerVersionMismatch,
    ModelMismatch,
    Overloaded,
    RunStopped,
    ServiceUnavailable,
    StoreFull,
    StoreUnavailable,
    TrainingFailed,
    Unauthenticated,
)  # fmt: skip

BASE_S = 0.2
LONGEST_S = 20.0


class Verdict(Enum):
    """`ATTEMPT` alone counts against a task; `WAIT` is bounded by the run's patience."""

    STOP = "the run cannot go on"
    WAIT = "the store or the service's version will come right"
    CROWDED = "the service is full"
    DIED = "the service died under the task: an attempt, and nobody is there for the next"
    REPAIR = "a blob is gone: compute what made it again"
    ATTEMPT = "the task failed"


_TABLE: tuple[tuple[type[BaseException], Verdict], ...] = (
    (StoreUnavailable, Verdict.WAIT),
    (StoreFull, Verdict.WAIT),
    (ModelMismatch, Verdict.WAIT),
    (Overloaded, Verdict.CROWDED),
    (ServiceUnavailable, Verdict.DIED),
    (ArtifactMissing, Verdict.REPAIR),
    (ArtifactCorrupt, Verdict.REPAIR),
    (TrainingFailed, Verdict.ATTEMPT),
    (InvalidInput, Verdict.STOP),
    (BackendUnavailable, Verdict.STOP),
    (Unauthenticated, Verdict.STOP),
    (LedgerVersionMismatch, Verdict.STOP),
    (RunStopped, Verdict.STOP),
)


def judge(error: BaseException) -> Verdict:
    """By the first class in the table that fits; whatever is not there counts against the task."""
    return next((verdict for kind, verdict in _TABLE if isinstance(error, kind)), Verdict.ATTEMPT)


def full_jitter(tries: int, dice: random.Random) -> float:
    """Seconds to wait before the next try: uniform below a bound that doubles, so that callers spread out."""
    return dice.uniform(0, min(LONGEST_S, BASE_S * 2 ** min(tries, 10)))


@dataclass(slots=True)
class Window:
    """How many tasks of a stage may be under way: halves under pressure, grows by 1 a window of successes."""

    most: int
    size: float
    closed_until_s: float = 0.0

    def fit(self, most: int) -> None:
        """To replicas that come, with room for all that they take, and go. 0 admits nothing."""
        self.size = min(float(most), max(1.0, self.size) + max(0, most - self.most))
        self.most = most

    def grow(self) -> None:
        self.size = min(float(self.most), self.size + 1 / max(1.0, self.size))

    def shrink(self, closed_until_s: float) -> None:
        self.size = min(float(self.most), max(1.0, self.size / 2))
        self.closed_until_s = max(self.closed_until_s, closed_until_s)

    def admits(self, in_flight: int, now_s: float) -> bool:
        return now_s >= self.closed_until_s and in_flight < int(self.size)
