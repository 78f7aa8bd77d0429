"""How many tasks may be under way: a window for each stage, wider with each replica that is ready."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from services.coordinator.engine import Task
from services.coordinator.policy import Window
from synres.spec import Execution


class Room:
    """Counts what is under way. `workers` and `high_water_mark` hold for each replica of a stage.

    Stages without replicas of their own share `workers`: they are one machine.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._windows: dict[str, Window] = {}
        self._under_way: Counter[tuple[str, str]] = Counter()
        self._replicas: Mapping[str, int] = {}

    def fit(self, replicas: Mapping[str, int]) -> None:
        """To as many as are ready now, by stage."""
        self._replicas = replicas
        for stage, window in self._windows.items():
            window.fit(self._most(stage))

    def scales(self, stage: str) -> bool:
        """True if it has replicas of its own, be it none at the moment."""
        return stage in self._replicas

    def admits(self, task: Task, unconsumed: int, now_s: float) -> bool:
        """`unconsumed`: shards of the task's chain and stage whose next stage has not been."""
        stage = task.node.stage
        mark = self._execution.high_water_mark * self._replicas.get(stage, 1)
        is_free = self.scales(stage) or self._shared() < self._execution.workers
        waiting = unconsumed + self._under_way[place_of(task)]
        return is_free and waiting < mark and self.window(stage).admits(self._busy(stage), now_s)

    def take(self, task: Task) -> None:
        """It is under way."""
        self._under_way[place_of(task)] += 1

    def leave(self, task: Task) -> None:
        """It came back."""
        self._under_way[place_of(task)] -= 1

    def window(self, stage: str) -> Window:
        """Open as far as its replicas allow, to begin with."""
        most = self._most(stage)
        return self._windows.setdefault(stage, Window(most, float(most)))

    def _most(self, stage: str) -> int:
        return self._execution.workers * self._replicas.get(stage, 1)

    def _busy(self, stage: str) -> int:
        return sum(count for (_, of), count in self._under_way.items() if of == stage)

    def _shared(self) -> int:
        return sum(count for (_, of), count in self._under_way.items() if not self.scales(of))


def place_of(task: Task) -> tuple[str, str]:
    """Chain and stage: chains are counted apart, since one may wait for another."""
    return task.node.chain, task.node.stage
