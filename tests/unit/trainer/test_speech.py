"""What is heard of a job that several processes speak for."""

from __future__ import annotations

import json

import pytest

from services.trainer.speech import last_words

STEP = {"done": 3, "whole": 9}
FULL = {"code": "STORE_FULL", "message": "no room"}
LOST = {"code": "RANK_LOST", "message": "a process is lost"}


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ([STEP], STEP),
        ([STEP, FULL], FULL),
        ([STEP, FULL, LOST], FULL),
        ([FULL, LOST, LOST], FULL),
        ([STEP, LOST], LOST),
        ([], {}),
    ],
)
def test_the_cause_is_heard_before_what_follows_from_it(
    said: list[dict[str, object]], heard: dict[str, object]
) -> None:
    """Whoever lost a process says so; if that process said why, its words count."""
    speech = b"".join(json.dumps(words).encode() + b"\n" for words in said)
    assert last_words(speech + b'{"half a li') == heard
