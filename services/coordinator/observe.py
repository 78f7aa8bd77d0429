"""What lies in the ledger of a desired run: restart is this, and nothing else (L6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from services.coordinator.engine import Desired, Survey, Task, survey
from synres.ledger.ledger import Ledger
from synres.ports import ShardResult
from synres.stages.shard import result_of

_READERS = 8
_NOTHING: Mapping[str, ShardResult] = {}


def observe(
    ledger: Ledger, desired: Desired, known: Mapping[str, ShardResult] = _NOTHING
) -> dict[str, ShardResult]:
    """Action -> record, for every action whose inputs are recorded too; `known` ones are not looked up."""
    found = dict(known)
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


def remaining(desired: Desired, results: Mapping[str, ShardResult]) -> dict[str, int]:
    """Stage -> nodes without a record: plan less ledger."""
    planned, done = planned_by_stage(desired), done_by_stage(desired, survey(desired, results))
    return {stage: count - done[stage] for stage, count in planned.items()}
