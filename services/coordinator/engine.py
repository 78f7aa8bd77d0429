"""The pure half of the coordinator: what is wanted, less what is there, is what to do next.

A run is a list of nodes in which inputs come first. A node's action is known once its inputs are: actions
hold *output digests* (L1), so nothing here depends on who computed what, where, or in which order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from synres.ledger.records import Action
from synres.ports import ShardResult

STAGES = ("caption", "generate", "align", "segment", "group", "train", "evaluate")
"""In the order of the flow; tasks of a later stage go first, so that little waits half done."""
_RANK = {stage: rank for rank, stage in enumerate(STAGES)}


@dataclass(frozen=True, slots=True)
class Source:
    """An input that another node makes: its output of that name."""

    node: str
    output: str = "rows"


Input: TypeAlias = str | Source
"""A digest, or where it will come from."""
Outputs: TypeAlias = Mapping[str, str]
"""Output name -> digest."""
Observed: TypeAlias = Mapping[str, ShardResult]
"""Action digest -> its visible record."""


@dataclass(frozen=True, slots=True)
class Node:
    """One wanted action, such as "generate/learned/00017". `chain` is empty for trainings and evaluations."""

    name: str
    stage: str
    version: int
    model_digest: str
    params: str
    inputs: tuple[Input, ...]
    chain: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """An action that is wanted, absent, and has all its inputs. `node` is the first that wants it."""

    node: Node
    action: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Desired:
    """The run's nodes, inputs first. Action digests are remembered: each survey asks for them anew."""

    nodes: Sequence[Node]
    _actions: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)

    def action(self, node: Node, inputs: tuple[str, ...]) -> str:
        """The digest of `node`'s action over these inputs."""
        key = (node.name, inputs)
        if key not in self._actions:
            action = Action(node.stage, node.version, node.model_digest, node.params, inputs)
            self._actions[key] = action.digest()
        return self._actions[key]


@dataclass(frozen=True, slots=True)
class Survey:
    """Desired against observed. `actions` and `outputs`: by node, if known; `blocked` nodes lack inputs."""

    tasks: list[Task]
    actions: dict[str, str]
    outputs: dict[str, Outputs]
    blocked: int

    @property
    def complete(self) -> bool:
        return not self.tasks and not self.blocked


def survey(desired: Desired, observed: Observed) -> Survey:
    """Walks the graph once. Two nodes with one action are one task."""
    actions: dict[str, str] = {}
    outputs: dict[str, Outputs] = {}
    tasks: dict[str, Task] = {}
    for node in desired.nodes:
        inputs = _resolve(node.inputs, outputs)
        if inputs is None:
            continue
        action = actions[node.name] = desired.action(node, inputs)
        record = observed.get(action)
        if record is not None:
            outputs[node.name] = record.outputs
        elif action not in tasks:
            tasks[action] = Task(node, action, inputs)
    ordered = sorted(tasks.values(), key=lambda task: -_RANK[task.node.stage])
    return Survey(ordered, actions, outputs, len(desired.nodes) - len(actions))


def plan_next(desired: Desired, observed: Observed) -> list[Task]:
    """What can run now: the latest stage first, plan order within a stage."""
    return survey(desired, observed).tasks


def unconsumed(desired: Desired, found: Survey) -> Counter[tuple[str, str]]:
    """(chain, stage) -> shards that are done and whose next stage is not: what backpressure bounds."""
    counts: Counter[tuple[str, str]] = Counter()
    for node in desired.nodes:
        if node.chain and node.name not in found.outputs:
            source = node.inputs[0]
            if isinstance(source, Source) and source.node in found.outputs:
                counts[node.chain, source.node.partition("/")[0]] += 1
    return counts


def _resolve(inputs: tuple[Input, ...], outputs: Mapping[str, Outputs]) -> tuple[str, ...] | None:
    resolved = []
    for wanted in inputs:
        if isinstance(wanted, str):
            resolved.append(wanted)
        elif wanted.node in outputs:
            resolved.append(outputs[wanted.node][wanted.output])
        else:
            return None
    return tuple(resolved)
