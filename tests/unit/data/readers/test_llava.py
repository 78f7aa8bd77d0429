"""LLaVA-Instruct: conversations that alternate, and those that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synres.data.readers.llava import FILE, read_llava
from synres.data.rows import Problem, VqaRow
from tests.unit.data.readers.layouts import write_json, write_llava

HUMAN, GPT = {"from": "human", "value": "What?\n<image>"}, {"from": "gpt", "value": "A cup."}


def test_a_conversation_is_a_row_without_the_image_mark(tmp_path: Path) -> None:
    """Turns keep their order and speaker; the mark's place is a matter of models."""
    (row,) = read_llava(write_llava(tmp_path))
    assert isinstance(row, VqaRow) and row.image is not None and row.image.is_file()
    assert [(turn.speaker, turn.text) for turn in row.turns] == [("human", "What?"), ("gpt", "A cup.")]
    assert row.conversation_id == "000000000033"


def test_what_is_no_conversation_is_a_problem(tmp_path: Path) -> None:
    """Turns out of order, without words, of another shape, and a path that leads out."""
    folder = write_llava(tmp_path)
    bad: list[Any] = [[GPT, HUMAN], [HUMAN], [], [HUMAN, GPT | {"value": " "}], ["hello"]]
    rows = [{"id": str(k), "image": "a.jpg", "conversations": turns} for k, turns in enumerate(bad)]
    write_json(folder / FILE, [*rows, {"id": "6", "image": "../a.jpg", "conversations": [HUMAN, GPT]}])
    reasons = [row.reason for row in read_llava(folder) if isinstance(row, Problem)]
    assert reasons == [*["conversation_invalid"] * 3, "empty_turn", "conversation_invalid", "unsafe_path"]


def test_a_conversation_may_have_no_picture(tmp_path: Path) -> None:
    """Text alone is a row whose picture is None."""
    folder = write_llava(tmp_path)
    write_json(folder / FILE, [{"id": 1, "conversations": [HUMAN, GPT]}])
    (row,) = read_llava(folder)
    assert isinstance(row, VqaRow) and row.image is None
