"""What a job says, one JSON object a line, and what a runner makes of it: the same for processes and pods."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from synres.errors import RankLost, TrainingFailed
from synres.ports import JobStatus

TAIL_BYTES = 4096
"""So much of a job's speech holds its last line."""

LOG_BYTES = 64 * 2**10
"""So much of it is shown to who asks for its log."""

Words = Mapping[str, Any]


def say(**facts: float | str) -> None:
    """What this process has to tell, on its standard output."""
    print(json.dumps({"pid": os.getpid(), **facts}), flush=True)  # noqa: T201


def last_words(speech: bytes) -> Words:
    """The last whole line that is an object; libraries may have said other things. Empty if there is none.

    Whoever lost a process says so: what that process said itself counts more.
    """
    objects = filter(None, map(_object, reversed(speech.split(b"\n")[:-1])))
    last = next(objects, {})
    if last.get("code") == RankLost.code:
        return next((words for words in objects if words.get("code", RankLost.code) != RankLost.code), last)
    return last


def last_lines(speech: bytes) -> list[str]:
    """The whole lines of the end of a job's speech, without one that the cut may have torn."""
    lines = speech.decode(errors="replace").split("\n")
    return lines[len(speech) >= LOG_BYTES : -1]


def progress(words: Words) -> JobStatus:
    """Of a job that runs."""
    facts = {name: float(value) for name, value in words.items() if isinstance(value, int | float)}
    done, whole = facts.get("done", 0.0), facts.get("whole", 1.0)
    return JobStatus("running", done / whole, str(words.get("message", "")), facts)


def failure(words: Words, cause: str) -> JobStatus:
    """Of a job that ended: the error it said, else the `cause` as seen from outside."""
    if "code" in words:
        return JobStatus("failed", message=str(words["message"]), code=str(words["code"]))
    return failed(f"the job died ({cause}); it resumes from its last checkpoint")


def failed(message: str) -> JobStatus:
    return JobStatus("failed", message=message, code=TrainingFailed.code)


def _object(line: bytes) -> Words:
    try:
        words = json.loads(line)
    except ValueError:
        return {}
    return words if isinstance(words, dict) else {}
