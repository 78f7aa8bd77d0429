"""Loss curves, read back by TensorBoard's own reader."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from services.trainer.curves import with_curves
from tests.trainings import silent

ACTION = "ab" * 32


def _draw(folder: Path | None, *steps: int) -> None:
    with with_curves(silent, folder, ACTION) as report:
        for step in steps:
            report(done=step + 1, whole=9, loss=float(step), learning_rate=0.5, gradient_norm=2.0, message="")


def _losses(folder: Path) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder / ACTION[:16]))
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
