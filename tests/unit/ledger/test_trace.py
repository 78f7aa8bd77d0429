"""trace tells where a picture came from, stage by stage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from synres.domain.types import CaptionedSample, GroupedImage
from synres.errors import NotFound
from synres.ledger.ledger import Ledger
from synres.ledger.records import Meta, Record
from synres.ledger.runs import RunFolder
from synres.ledger.trace import trace_item
from tests.fakes import MemoryStore
from tests.unit.ledger.small_run import RUN, STAGES, write_small_run


def test_a_picture_is_traced_to_its_sample() -> None:
    """From a picture's item: sample, expressions, prompt, pseudo-masks and group, with their actions."""
    store = MemoryStore()
    run = write_small_run(store)
    (trace,) = trace_item(store, RUN, run.synth.item)
    assert [step.stage for step in trace.steps] == list(STAGES)
    assert [step.action for step in trace.steps] == [run.action(stage) for stage in STAGES]
    first, last = trace.steps[0].row, trace.steps[-1].row
    assert isinstance(first, CaptionedSample)
    assert isinstance(last, GroupedImage)
    assert (first.sample, last.synth) == (run.sample, run.synth)
    assert (trace.shard, trace.ended) == (run.shard, "")


def test_a_sample_is_traced_to_its_shard() -> None:
    """From a sample's item: its expressions, and the shard of the plan that holds it."""
    store = MemoryStore()
    run = write_small_run(store)
    (trace,) = trace_item(store, RUN, run.sample.item)
    assert [step.stage for step in trace.steps] == ["caption"]
    assert trace.shard == run.shard


def test_chains_that_agree_are_both_told() -> None:
    """Two actions may give the same rows, as two values of tau do: each is a way to the picture."""
    store = MemoryStore()
    run = write_small_run(store)
    group = run.records["group"]
    other = replace(group.body, action=replace(group.body.action, params='{"tau":0.7}'))
    action = Ledger(store).commit_record(Record(other, Meta())).body.action.digest()
    actions = (*run.commit.actions, ("group", action))
    RunFolder(store, RUN).put_commit(replace(run.commit, merkle_root="another", actions=actions))
    traces = trace_item(store, RUN, run.synth.item)
    assert {trace.steps[-1].action for trace in traces} == {run.action("group"), action}
    assert [len(trace.steps) for trace in traces] == [4, 4]


def test_what_was_turned_away_says_why() -> None:
    """A rejected and a quarantined item are found too, each with its reason."""
    store = MemoryStore()
    run = write_small_run(store)
    (rejected,) = trace_item(store, RUN, "f" * 64)
    (poison,) = trace_item(store, RUN, "e" * 64)
    assert (rejected.shard, rejected.ended) == (run.shard, "caption: empty_mask")
    assert (poison.steps, poison.ended) == ((), "quarantined: worker_died")


def test_an_unknown_item() -> None:
    """An item that is nowhere, and a run without COMMIT, are said."""
    store = MemoryStore()
    write_small_run(store)
    with pytest.raises(NotFound, match=f"item {'0' * 64} is not in run small"):
        trace_item(store, RUN, "0" * 64)
    RunFolder(store, "open").freeze({})
    with pytest.raises(NotFound, match="not finished"):
        trace_item(store, "open", "0" * 64)
