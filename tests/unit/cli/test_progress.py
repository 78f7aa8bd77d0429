"""A run as a log has it, where nobody watches bars."""

from __future__ import annotations

import pytest

from services.cli.progress import RunProgress
from services.coordinator.events import TaskProgress, Waiting
from synres.ports import JobStatus


def test_a_job_that_waits_says_for_what(capsys: pytest.CaptureFixture[str]) -> None:
    """Once for each thing that it waits for; a step of the training is no line."""
    said = [
        JobStatus("running", message="no node is free for the pod"),
        JobStatus("running", message="no node is free for the pod"),
        JobStatus("running", 0.5, "loss 0.5", {"loss": 0.5}),
        JobStatus("running", message="the pod starts"),
    ]
    with RunProgress() as progress:
        for status in said:
            progress(TaskProgress("train", "train/real", status))
    assert capsys.readouterr().err.splitlines() == [
        "train/real waits: no node is free for the pod",
        "train/real waits: the pod starts",
    ]


def test_a_wait_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Each try would be the same line; another reason is another line."""
    with RunProgress() as progress:
        for message in ("a", "a", "b"):
            progress(Waiting("the plan", "SERVICE_UNAVAILABLE", message))
    told = [f"waiting for the plan (SERVICE_UNAVAILABLE): {message}" for message in "ab"]
    assert capsys.readouterr().err.splitlines() == told
