"""What lies in the ledger of a desired run: restart is this, and nothing else (L6)."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from services.coordinator.engine import Desired, Survey, Task, survey
from synres.ledger.ledger import Ledger
from synres.ports import ShardResult
from synres.stages.shard import result_of

_READERS = 8


def observe(ledger: Ledger, desired: Desired) -> dict[str, ShardResult]:
    """Action -> record, for every action whose inputs are recorded too."""
    found: dict[str, ShardResult] = {}
    looked: set[str] = set()
    with ThreadPoolExecutor(_READERS) as pool:
        while tasks := [task for task in survey(desired, found).tasks if task.action not in looked]:
            looked.update(task.action for task in tasks)
            results = pool.map(lambda task: _look(ledger, task), tasks)
            found.update((result.action, result) for result in results if result is not None)
    return found


def _look(ledger: Ledger, task: Task) -> ShardResult | None:
    record = ledger.find_record(task.node.stage, task.action)
    return None if record is None else result_of(task.action, record, cached=True)


def planned_by_stage(desired: Desired) -> dict[str, int]:
    """Stage -> nodes, in the order of the flow."""
    return dict(Counter(node.stage for node in desired.nodes))


def done_by_stage(desired: Desired, found: Survey) -> dict[str, int]:
    """Stage -> nodes whose record is there."""
    done = Counter(node.stage for node in desired.nodes if node.name in found.outputs)
    return {stage: done[stage] for stage in planned_by_stage(desired)}
