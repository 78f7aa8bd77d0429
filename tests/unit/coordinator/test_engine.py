"""The engine is a pure function of what is wanted and what is there."""

from __future__ import annotations

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.engine import (
    STAGES,
    Desired,
    Input,
    Node,
    Source,
    Task,
    plan_next,
    survey,
    unconsumed,
)
from synres.ports import ShardResult


def node(name: str, *inputs: Input, chain: str = "", model: str = "m") -> Node:
    return Node(name, name.partition("/")[0], 1, model, "{}", inputs, chain)


def chains(shards: int, stages: int = 5, chain: str = "main") -> list[Node]:
    nodes = []
    for index in range(shards):
        inputs: tuple[Input, ...] = (f"shard {index}",)
        for stage in STAGES[:stages]:
            nodes.append(node(f"{stage}/{chain}/{index}", *inputs, chain=chain))
            inputs = (Source(nodes[-1].name),)
    return nodes


def done(task: Task) -> ShardResult:
    """A record whose output is a function of the action."""
    return ShardResult(task.action, {"rows": f"rows of {task.action}", "weights": "w"}, {}, {})


@given(st.integers(1, 6), st.randoms(use_true_random=False))
def test_any_order_ends_with_the_same_records(shards: int, dice: random.Random) -> None:
    """Tasks taken in any order, one at a time, lead to one set of records, each asked for once."""
    last = node("train/arm", *(Source(f"group/main/{index}") for index in range(shards)))
    desired = Desired([*chains(shards), last])
    observed: dict[str, ShardResult] = {}
    while tasks := plan_next(desired, observed):
        task = dice.choice(tasks)
        assert task.action not in observed
        observed[task.action] = done(task)
    assert survey(desired, observed).complete
    straight: dict[str, ShardResult] = {}
    while tasks := plan_next(desired, straight):
        straight[tasks[0].action] = done(tasks[0])
    assert observed == straight


def test_later_stages_go_first() -> None:
    """What is half done is finished before anything new is begun."""
    desired, observed = Desired(chains(3)), {}
    first = plan_next(desired, observed)[0]
    observed[first.action] = done(first)
    assert [task.node.name for task in plan_next(desired, observed)] == [
        "generate/main/0",
        "caption/main/1",
        "caption/main/2",
    ]


def test_nodes_with_one_action_are_one_task() -> None:
    """Two chains over the same shard ask for it once, and both go on when it is done."""
    desired, observed = Desired([*chains(1, 1, "a"), *chains(1, 1, "b")]), {}
    (task,) = plan_next(desired, observed)
    observed[task.action] = done(task)
    assert survey(desired, observed).complete


def test_another_output_is_another_action_downstream() -> None:
    """Actions hold output digests: records that come out otherwise never mix with what follows (L1)."""
    desired = Desired(chains(1, 2))
    (task,) = plan_next(desired, {})
    found = [ShardResult(task.action, {"rows": rows}, {}, {}) for rows in ("these", "those")]
    actions = {plan_next(desired, {task.action: result})[0].action for result in found}
    assert len(actions) == 2


def test_a_node_whose_inputs_are_missing_is_blocked() -> None:
    """It is no task, and the run is not complete."""
    found = survey(Desired(chains(2)), {})
    assert (len(found.tasks), found.blocked, found.complete) == (2, 8, False)


def test_unconsumed_counts_what_waits_for_its_next_stage() -> None:
    """By chain and stage; the last stage of a chain waits for nobody."""
    desired, observed = Desired(chains(3, 2)), {}
    for task in plan_next(desired, observed)[:2]:
        observed[task.action] = done(task)
    assert unconsumed(desired, survey(desired, observed)) == {("main", "caption"): 2}


def test_a_survey_of_a_large_run_is_quick() -> None:
    """Four stages of 400 shards are surveyed in under a tenth of a second, once actions are known."""
    desired, observed = Desired(chains(400)), {}
    while tasks := plan_next(desired, observed):
        observed.update((task.action, done(task)) for task in tasks)
    started_s = time.perf_counter()
    assert survey(desired, observed).complete
    assert time.perf_counter() - started_s < 0.1
