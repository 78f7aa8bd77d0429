"""What a choice of a backend may hold, and how it is told apart from others."""

from __future__ import annotations

import pytest

from synres.domain.choice import MAX_OPTIONS, BackendChoice, choose
from synres.errors import InvalidInput


def test_the_order_of_options_does_not_matter() -> None:
    """Two specs that say the same have one label, and one place in memory."""
    one, other = choose("sana", "", {"a": 1, "b": 2}), choose("sana", "", {"b": 2, "a": 1})
    assert one == other
    assert one.label == other.label == "sana a=1 b=2"


def test_labels_tell_all_choices_apart() -> None:
    """Numbers, texts and truth values that Python takes for equal are other options."""
    values = (1, 1.0, True, "1", "true")
    assert len({choose("sana", "", {"a": value}).label for value in values}) == len(values)
    assert choose("sana", "owner/Name-1.5").label == "sana owner/Name-1.5"
    assert choose("sana").label == "sana"


@pytest.mark.parametrize(
    "model", ["/abs", "..", "a/../b", "a/b/c", "a--b", "a b", "https://x/y", "-x", "a" * 200, "é", "a\n"]
)
def test_a_model_name_is_no_path_and_no_address(model: str) -> None:
    """It becomes a folder's name: it must stay one."""
    with pytest.raises(InvalidInput, match="is no model name"):
        BackendChoice("sana", model)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"Steps": 1}, "option 'Steps': a name is lower-case"),
        ({"steps": None}, "option steps is NoneType: text, a number, true or false is meant"),
        ({"steps": [1]}, "option steps is list"),
        ({"steps": float("nan")}, "option steps is nan: a finite number is meant"),
        ({"text": "x" * 2001}, "option text has 2001 characters"),
        ({f"o{n}": n for n in range(MAX_OPTIONS + 1)}, "33 options; give at most 32"),
    ],
)
def test_options_are_few_short_scalars(options: dict[str, object], sentence: str) -> None:
    """They are hashed, sent and kept, so they are bounded."""
    with pytest.raises(InvalidInput, match=sentence):
        choose("sana", "", options)
