"""`--follow`: each line of a job once, in order, in words."""

from __future__ import annotations

import json
import threading
import time

import pytest

from services.cli.follow import Follower, in_words, new_lines
from services.coordinator.events import Event, TaskDone, TaskStarted
from synres.errors import ServiceUnavailable
from tests.runs import InstantJobs


class Talking(InstantJobs):
    """Says a line more each time it is asked, and forgets the oldest; is away now and then."""

    def __init__(self) -> None:
        self.asked = 0

    def log(self, action: str) -> list[str]:
        self.asked += 1
        if self.asked % 3 == 0:
            raise ServiceUnavailable("the trainer restarts")
        return [json.dumps({"pid": 7, "message": f"step {n}"}) for n in range(self.asked)][-5:]


def test_each_line_is_told_once() -> None:
    """In order, with what was said between the last look and the end; nobody else's task is asked about."""
    jobs, told, passed, enough = Talking(), list[tuple[str, str]](), list[Event](), threading.Event()

    def tell(node: str, line: str) -> None:
        told.append((node, line))
        if len(told) >= 8:
            enough.set()

    done = TaskDone("train", "train/real", "a", {}, {}, False)
    with Follower(jobs, passed.append, tell, poll_s=0.01) as follower:
        follower(TaskStarted("segment", "segment/main/1", "b"))
        follower(TaskStarted("train", "train/real", "a"))
        assert enough.wait(60)
        follower(done)
    asked = jobs.asked
    time.sleep(0.05)
    assert jobs.asked == asked and passed[-1] == done
    assert told == [("train/real", f"step {n}") for n in range(len(told))]


@pytest.mark.parametrize(
    ("seen", "now", "new"),
    [
        ("", "abc", "abc"),
        ("abc", "abc", ""),
        ("abc", "bcd", "d"),
        ("aaa", "aaab", "b"),
        ("abc", "xyz", "xyz"),
    ],
)
def test_new_lines_follow_the_longest_end_that_was_seen(seen: str, now: str, new: str) -> None:
    """Of a log that lost its beginning, too; another job's log is new as a whole."""
    assert "".join(new_lines(list(seen), list(now))) == new


def test_a_line_reads_as_words() -> None:
    """How far it is, its message, its numbers; what a library printed stays."""
    line = json.dumps({"pid": 7, "done": 3, "whole": 9, "message": "warm", "loss": 0.25})
    assert in_words(line) == "3 of 9  warm  loss 0.25"
    assert in_words("UserWarning: {") == "UserWarning: {"
    assert in_words("[1]") == "[1]"
