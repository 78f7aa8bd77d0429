"""What keeps a run, in words, while it does."""

from __future__ import annotations

from services.coordinator.events import RunStarted, TaskDone, TaskProgress, Waiting
from services.coordinator.news import News
from synres.ports import JobStatus


def test_what_is_waited_for_is_said_until_it_goes_on() -> None:
    """A plan, a stage without a pod, a job without an image."""
    news = News()
    news(Waiting("the plan", "SERVICE_UNAVAILABLE", "nobody is ready"))
    assert news.waits_for() == "the plan: nobody is ready"
    news(RunStarted("r", {}, {}))
    assert news.waits_for() == ""
    news(Waiting("segment", "SERVICE_UNAVAILABLE", "no replica"))
    news(TaskProgress("train", "train/real", JobStatus("running", message="image x cannot be pulled")))
    assert news.waits_for() == "segment: no replica; train/real: image x cannot be pulled"
    news(TaskProgress("train", "train/real", JobStatus("running", 0.1, "step 1 of 10")))
    news(TaskDone("segment", "segment/main/1", "a", {}, {}, False))
    assert news.waits_for() == ""
