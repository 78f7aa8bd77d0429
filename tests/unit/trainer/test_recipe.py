"""The training itself: exact resume, one clear error for each way to fail, nothing computed twice."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from services.trainer.backends.micro import MicroBackend
from services.trainer.checkpoints import StepLog, load_checkpoint
from services.trainer.recipe import Report, learning_rate, run_training
from synres.errors import StoreFull, TrainingFailed
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest
from tests.fakes import FullStore, MemoryStore
from tests.trainings import PARAMS, run_and_kill, silent, train_request


def _train(ledger: Ledger, request: ShardRequest) -> dict[str, str]:
    return run_training(ledger, MicroBackend(), request, silent).outputs


def test_training_twice_gives_equal_weights() -> None:
    """Two stores, one request: the same weights and the same log, bit for bit."""
    ledgers = [Ledger(MemoryStore()) for _ in range(2)]
    first, second = (_train(ledger, train_request(ledger)) for ledger in ledgers)
    assert first == second


def test_the_loss_falls() -> None:
    """Forty steps on eight pictures are enough to see it."""
    ledger = Ledger(MemoryStore())
    outputs = _train(ledger, train_request(ledger, steps=40, mosaic_probability=0.0))
    losses = [row.loss for row in ledger.get_rows(outputs["log"], StepLog)]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_a_recorded_training_is_not_run_again() -> None:
    """The second call answers from the record, and says so."""
    ledger = Ledger(MemoryStore())
    request = train_request(ledger)
    first = run_training(ledger, MicroBackend(), request, silent)
    second = run_training(ledger, MicroBackend(), request, silent)
    assert (first.cached, second.cached, second.outputs) == (False, True, first.outputs)


def test_no_steps_hand_on_the_starting_weights() -> None:
    """An arm that only stands for its start is a training of no steps, and equal to itself."""
    ledger = Ledger(MemoryStore())
    scratch = _train(ledger, train_request(ledger, steps=0))
    assert scratch["weights"] == _train(ledger, train_request(ledger, steps=0, checkpoint_every=3))["weights"]


def test_killed_at_random_steps_the_weights_are_the_same(tmp_path: Path) -> None:
    """SIGKILL for the real process, three times at random moments; then it ends as if nothing had been."""
    undisturbed = Ledger(MemoryStore())
    expected = _train(undisturbed, train_request(undisturbed, steps=12))
    ledger = Ledger(FileStore(tmp_path / "store"))
    request = train_request(ledger, steps=12)
    dice = random.Random(5)
    for _ in range(3):
        run_and_kill(ledger, request, after_lines=dice.randint(1, 5))
    assert load_checkpoint(ledger, request.action) is not None
    assert _train(ledger, request) == expected


@pytest.mark.parametrize("harm", ["torn", "no fields", "no safetensors"])
def test_a_torn_checkpoint_is_passed_over(harm: str) -> None:
    """With the newest checkpoint unreadable, training goes on from the one before, to the same weights."""
    undisturbed = Ledger(MemoryStore())
    expected = _train(undisturbed, train_request(undisturbed))
    store = MemoryStore()
    ledger = Ledger(store)
    request = train_request(ledger)
    with pytest.raises(KeyboardInterrupt):
        run_training(ledger, MicroBackend(), request, _interrupt_at(5))
    newest = max(key for key in store.objects if key.startswith("training/"))
    garbage = ledger.put_blob(b"no safetensors", "application/safetensors").digest
    pointer = {"step": 4, "tensors": garbage, "log": garbage}
    harmed = {"torn": b"{", "no fields": b"{}", "no safetensors": json.dumps(pointer).encode()}
    store.put(newest, harmed[harm])
    found = load_checkpoint(ledger, request.action)
    assert found is not None and found.step == 2
    assert _train(ledger, request) == expected


def test_checkpoints_are_gone_after_the_record() -> None:
    """Their pointers are removed; the blobs are garbage for the collector."""
    store = MemoryStore()
    ledger = Ledger(store)
    _train(ledger, train_request(ledger))
    assert not [key for key in store.objects if key.startswith("training/")]


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    """The error names the step and the mend, and the last checkpoint stays."""
    ledger = Ledger(MemoryStore())
    request = train_request(ledger, learning_rate=1e18, warmup_steps=0, clip_norm=0.0, steps=30)
    with pytest.raises(TrainingFailed, match="lower learning_rate"):
        _train(ledger, request)


def test_a_full_store_ends_the_training_and_keeps_the_checkpoint() -> None:
    """StoreFull as it is; once there is room the training goes on from where it was."""
    memory = MemoryStore()
    ledger = Ledger(memory)
    request = train_request(ledger)
    with pytest.raises(KeyboardInterrupt):
        run_training(ledger, MicroBackend(), request, _interrupt_at(3))
    full = Ledger(FullStore(memory, 0))
    with pytest.raises(StoreFull):
        _train(full, request)
    found = load_checkpoint(ledger, request.action)
    assert found is not None and found.step == 2


def test_the_learning_rate_rises_then_falls() -> None:
    """It reaches its peak at the end of the warm-up and nearly nought at the last step."""
    params = replace(PARAMS, steps=100, warmup_steps=10, learning_rate=1.0)
    rates = [learning_rate(params, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == rates[10] == max(rates) == 1.0
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.01


def _interrupt_at(step: int) -> Report:
    def report(done: int, **facts: float | str) -> None:
        if done == step:
            raise KeyboardInterrupt

    return report
