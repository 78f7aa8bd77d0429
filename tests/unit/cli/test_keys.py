"""`synres keys new` makes keys that the endpoint takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.segmenter.keys import KeyRing
from synres.errors import InvalidInput, Unauthenticated


def test_a_new_key_opens_the_door(tmp_path: Path) -> None:
    """The key goes to stdout alone, its hash to the file."""
    file = tmp_path / "keys"
    options = ["--file", str(file), "--rate", "3", "--until", "2999-12-31"]
    made = CliRunner().invoke(app, ["keys", "new", "ann", *options])
    key = made.stdout.strip()
    assert KeyRing(file, usual_rate=1).admit(key) == "ann"
    assert key not in file.read_text() and "rate=3 until=2999-12-31" in file.read_text()


def test_a_line_that_was_left_open_stays_whole(tmp_path: Path) -> None:
    """Two keys on one line would be none; nor does a large rate turn into another notation."""
    file = tmp_path / "keys"
    first = CliRunner().invoke(app, ["keys", "new", "ann", "--file", str(file), "--rate", "2500000"])
    file.write_text(file.read_text().rstrip("\n"))
    second = CliRunner().invoke(app, ["keys", "new", "bob", "--file", str(file), "--rate", "0.05"])
    ring = KeyRing(file, usual_rate=1)
    assert [ring.admit(made.stdout.strip()) for made in (first, second)] == ["ann", "bob"]
    assert "rate=2500000\n" in file.read_text() and "rate=0.05\n" in file.read_text()


def test_an_old_key_does_not(tmp_path: Path) -> None:
    """From the day after its last."""
    file = tmp_path / "keys"
    made = CliRunner().invoke(app, ["keys", "new", "ann", "--file", str(file), "--until", "2020-01-31"])
    with pytest.raises(Unauthenticated, match="expired on 2020-01-31"):
        KeyRing(file, usual_rate=1).admit(made.stdout.strip())


def test_a_name_that_is_none(tmp_path: Path) -> None:
    """It would break the file's lines."""
    made = CliRunner().invoke(app, ["keys", "new", "a b", "--file", str(tmp_path / "keys")])
    assert isinstance(made.exception, InvalidInput)
    assert list(tmp_path.iterdir()) == []
