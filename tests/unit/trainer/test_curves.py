"""Loss curves, read back by TensorBoard's own reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from services.trainer.curves import with_curves
from services.trainer.work import run_request
from synres.ledger.ledger import Ledger
from tests.fakes import MemoryStore
from tests.trainings import silent, train_request

ACTION = "ab" * 32


def _draw(folder: Path | None, *steps: int) -> None:
    with with_curves(silent, folder, ACTION) as report:
        for step in steps:
            report(
                done=step + 1,
                whole=9,
                loss=float(step),
                learning_rate=0.5,
                gradient_norm=2.0,
                refusals=1,
                message="",
            )


def _losses(folder: Path, action: str = ACTION) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder / action[:16]))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars("loss")]


def test_each_step_is_a_point_of_a_curve(tmp_path: Path) -> None:
    """Loss, learning rate and the gradient's norm, by the number of the step."""
    _draw(tmp_path, 0, 1, 2)
    assert _losses(tmp_path) == [(0, 0.0), (1, 1.0), (2, 2.0)]


def test_a_resumed_training_draws_each_step_once(tmp_path: Path) -> None:
    """What was drawn behind the last checkpoint is drawn anew, in its place."""
    _draw(tmp_path, 0, 1, 2, 3)
    _draw(tmp_path, 2, 3, 4)
    assert [step for step, _ in _losses(tmp_path)] == [0, 1, 2, 3, 4]


def test_without_a_folder_nothing_is_drawn() -> None:
    """The report is handed on as it is."""
    with with_curves(silent, None, ACTION) as report:
        assert report is silent


def test_a_job_draws_its_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the settings gets one curve for a training, a point for each of its steps."""
    monkeypatch.setenv("SYNRES_TENSORBOARD_DIR", str(tmp_path))
    ledger = Ledger(MemoryStore())
    request = train_request(ledger, steps=3)
    run_request(ledger, request, silent)
    assert [step for step, _ in _losses(tmp_path, request.action)] == [0, 1, 2]
