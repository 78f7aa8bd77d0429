"""Several processes of one training: killed, resumed, at odds, and equal in what they draw."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

from services.trainer.backends.micro import MicroBackend
from services.trainer.checkpoints import StepLog, load_checkpoint
from services.trainer.recipe import run_training
from services.trainer.speech import last_words
from synres.errors import InvalidInput, MixturePartEmpty, RankLost, TrainingFailed
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest
from synres.stages.params import MixturePart
from tests.rank_processes import training
from tests.trainings import silent, train_request

STEPS = 10
SHARED = {"steps": STEPS, "batch_size": 4, "micro_batch_size": 1}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty store in a folder, as other processes can open it."""
    return Ledger(FileStore(tmp_path / "store"))


def _outputs(ledger: Ledger, request: ShardRequest) -> dict[str, str]:
    record = ledger.find_record("train", request.action)
    assert record is not None
    return record.body.outputs


def _weights(ledger: Ledger, request: ShardRequest) -> dict[str, torch.Tensor]:
    return load(ledger.get_blob(_outputs(ledger, request)["weights"]))


# five pairs of processes on a busy machine
@pytest.mark.timeout(900)
def test_two_processes_killed_at_random_steps_end_with_the_same_weights(
    ledger: Ledger, tmp_path: Path
) -> None:
    """SIGKILL for one or both, three times; what goes on from the checkpoint ends as ever, bit for bit."""
    undisturbed = Ledger(FileStore(tmp_path / "undisturbed"))
    request = train_request(ledger, **SHARED)
    assert train_request(undisturbed, **SHARED) == request
    with training(undisturbed, request, tmp_path / "calm") as processes:
        assert processes.exit_codes() == [0, 0], processes.words()
    dice = random.Random(11)
    for _ in range(3):
        with training(ledger, request, tmp_path / "killed") as processes:
            steps = dice.randint(1, 4)
            processes.await_words(lambda words, steps=steps: words.count(b'"done"') >= steps)
            for rank in dice.choice([[0], [1], [0, 1]]):
                processes.kill(rank)
            assert 0 not in processes.exit_codes()
    assert load_checkpoint(ledger, request.action) is not None
    with training(ledger, request, tmp_path / "killed") as processes:
        assert processes.exit_codes() == [0, 0], processes.words()
    assert _outputs(ledger, request) == _outputs(undisturbed, request)


def test_the_number_of_processes_changes_no_more_than_rounding(ledger: Ledger, tmp_path: Path) -> None:
    """One process and two see the same pictures in the same slices, and end with nearly the same weights."""
    request = train_request(ledger, **SHARED)
    with training(ledger, request, tmp_path / "two") as processes:
        assert processes.exit_codes() == [0, 0], processes.words()
    alone = Ledger(FileStore(tmp_path / "alone"))
    assert train_request(alone, **SHARED) == request
    run_training(alone, MicroBackend(), request, silent)
    logs = [each.get_rows(_outputs(each, request)["log"], StepLog) for each in (ledger, alone)]
    np.testing.assert_allclose(*([row.loss for row in log] for log in logs), rtol=1e-4)
    assert [row.refusals for row in logs[0]] == [row.refusals for row in logs[1]]
    weights = _weights(ledger, request)
    for name, tensor in _weights(alone, request).items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-2, atol=1e-3)


def test_a_lost_process_is_told_by_the_other_one(ledger: Ledger, tmp_path: Path) -> None:
    """One clear error with its code, whoever is lost, and the last checkpoint stays."""
    request = train_request(ledger, **SHARED | {"steps": 100_000})
    with training(ledger, request, tmp_path / "said") as processes:
        processes.await_words(lambda words: words.count(b'"done"') >= 3)
        processes.kill(1)
        assert processes.exit_codes() == [RankLost.exit_code, -9]
        words = last_words(processes.words())
    assert words["code"] == RankLost.code
    assert "a process of this training is lost" in words["message"]
    found = load_checkpoint(ledger, request.action)
    assert found is not None and found.step >= 2


def test_an_error_of_one_is_the_error_of_all(ledger: Ledger, tmp_path: Path) -> None:
    """An empty part, a batch that cannot be shared and a NaN are said as they are, by every process alike."""
    empty = (MixturePart(name="synres", ratio=1, rows="triplets", inputs=()),)
    wild = {"learning_rate": 1e18, "warmup_steps": 0, "clip_norm": 0.0}
    for changes, kind in (
        ({"parts": empty}, MixturePartEmpty),
        ({"batch_size": 3}, InvalidInput),
        (wild, TrainingFailed),
    ):
        request = train_request(ledger, **SHARED | {"micro_batch_size": 0} | changes)
        with training(ledger, request, tmp_path / kind.code) as processes:
            assert processes.exit_codes() == [kind.exit_code] * 2
            assert last_words(processes.words())["code"] == kind.code
