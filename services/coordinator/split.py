"""A shard that failed too often, item by item: only the killer is left out (L7).

The items' actions are the shard's, over one row each. Backends compute an item alike in any company, so the
shard's record, put together from theirs, is the record that an undisturbed call would have written.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.coordinator.engine import Task
from synres.domain.types import CaptionedSample, Rejection, Sample, SegmentedImage, SynthImage
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action, Body, Meta, Record
from synres.ledger.rows import decode_rows
from synres.ports import ShardRequest, ShardResult
from synres.stages.shard import result_of

QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Part:
    """One item of a shard. `result` is None if it was quarantined."""

    item: str
    result: ShardResult | None


ITEM_OF: dict[str, Callable[[bytes], str]] = {
    "caption": lambda row: decode_rows(row, Sample)[0].item,
    "generate": lambda row: decode_rows(row, CaptionedSample)[0].item,
    "align": lambda row: decode_rows(row, SynthImage)[0].item,
    "segment": lambda row: decode_rows(row, SynthImage)[0].item,
    "group": lambda row: decode_rows(row, SegmentedImage)[0].synth.item,
}
"""Stages whose shards can be split: a row -> its item."""
_COUNTED = {
    "align": ("out", "not_rendered"),
    "segment": ("out", "pseudo_masks"),
    "group": ("out", "triplets"),
}
"""What a shard of which nothing is left has to say; other stages say "out"."""


def action_of_task(task: Task, inputs: tuple[str, ...]) -> Action:
    """The task's action over other inputs."""
    node = task.node
    return Action(node.stage, node.version, node.model_digest, node.params, inputs)


def item_requests(ledger: Ledger, task: Task) -> list[tuple[str, ShardRequest]]:
    """(item, request) for each row of the shard, in order."""
    rows = ledger.get_blob(task.inputs[0]).splitlines(keepends=True)
    requests = []
    for row in rows:
        inputs = (ledger.put_blob(row, "application/jsonl").digest, *task.inputs[1:])
        action = action_of_task(task, inputs).digest()
        request = ShardRequest(task.node.stage, action, inputs, task.node.params.encode())
        requests.append((ITEM_OF[task.node.stage](row), request))
    return requests


def assemble(ledger: Ledger, task: Task, parts: Sequence[Part]) -> ShardResult:
    """Commits the shard's record from its parts and returns what is then visible."""
    done = [part.result for part in parts if part.result is not None]
    rejections = [Rejection(part.item, QUARANTINED) for part in parts if part.result is None]
    rejections += [Rejection(item, reason) for result in done for item, reason in result.rejections]
    counts, cost = Counter[str](), Counter[str]()
    counts.update(dict.fromkeys(_COUNTED.get(task.node.stage, ("out",)), 0))
    for result in done:
        counts.update(result.counts)
        cost.update(result.cost)
    counts["in"] = len(parts)
    body = Body(
        action_of_task(task, task.inputs), _outputs(ledger, done), tuple(sorted(rejections)), dict(counts)
    )
    record = ledger.commit_record(Record(body, Meta(dict(cost), time.time())))
    return result_of(task.action, record, cached=False)


def _outputs(ledger: Ledger, done: Sequence[ShardResult]) -> dict[str, str]:
    names = {"rows", *(name for result in done for name in result.outputs)}
    return {name: _concatenate(ledger, name, done) for name in sorted(names)}


def _concatenate(ledger: Ledger, name: str, done: Sequence[ShardResult]) -> str:
    data = b"".join(ledger.get_blob(result.outputs[name]) for result in done if name in result.outputs)
    return ledger.put_blob(data, "application/jsonl").digest
