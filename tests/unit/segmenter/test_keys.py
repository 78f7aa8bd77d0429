"""API keys: hashed in a file, with a rate and a last day, read anew when the file changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.segmenter.keys import KeyRing, new_key
from synres.errors import Overloaded, SettingInvalid, Unauthenticated


def _ring(path: Path, *lines: str, reread_s: float = 0.0) -> KeyRing:
    path.write_text("\n".join(lines))
    return KeyRing(path, usual_rate=50.0, reread_s=reread_s)


def test_a_key_opens_by_its_hash(tmp_path: Path) -> None:
    """The file holds its sha256 and its name, never the key."""
    key, line = new_key("shop")
    ring = _ring(tmp_path / "keys", "# ours", "", line)
    assert ring.admit(key) == "shop"
    assert key not in (tmp_path / "keys").read_text()
    with pytest.raises(Unauthenticated, match="not known"):
        ring.admit(key + "x")


def test_an_expired_key_is_told_so(tmp_path: Path) -> None:
    """`until` is its last day."""
    key, line = new_key("shop")
    with pytest.raises(Unauthenticated, match="expired on 2020-01-31"):
        _ring(tmp_path / "keys", f"{line} until=2020-01-31").admit(key)


def test_a_key_that_calls_too_often_is_told_when_to_return(tmp_path: Path) -> None:
    """A second's calls may come at once, then they are spread; other keys are not touched."""
    (key, line), (other, other_line) = new_key("shop"), new_key("lab")
    ring = _ring(tmp_path / "keys", f"{line} rate=0.001", other_line)
    ring.admit(key)
    with pytest.raises(Overloaded, match="may call") as caught:
        ring.admit(key)
    assert 900 < caught.value.retry_after_s <= 1000
    assert ring.admit(other) == "lab"


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    """A Secret that was mounted changes under the service; a broken one leaves the old keys."""
    (key, line), (later, later_line) = new_key("shop"), new_key("lab")
    ring = _ring(tmp_path / "keys", line)
    (tmp_path / "keys").write_text(f"{later_line}\n#\n")
    assert ring.admit(later) == "lab"
    with pytest.raises(Unauthenticated):
        ring.admit(key)
    (tmp_path / "keys").write_text("not a line of keys")
    assert ring.admit(later) == "lab"


@pytest.mark.parametrize(
    "line",
    [
        "shop",
        "shop 1234",
        "../x " + "0" * 64,
        "shop " + "0" * 64 + " rate=1.2.3",
        "a b c",
        "shop " + "0" * 64 + " rate=0",
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    """With the file and its number, and not a word of what may be a key."""
    with pytest.raises(SettingInvalid, match="line 2") as caught:
        _ring(tmp_path / "keys", "#", line)
    assert line not in caught.value.message


def test_a_file_that_cannot_be_read_is_named_and_tried_again(tmp_path: Path) -> None:
    """At the start it is a sentence; later the old keys stay until it can."""
    (key, line), (later, later_line) = new_key("shop"), new_key("lab")
    path = tmp_path / "keys"
    ring = _ring(path, line)
    path.unlink()
    path.mkdir()
    assert ring.admit(key) == "shop"
    with pytest.raises(SettingInvalid, match="cannot read"):
        KeyRing(path, usual_rate=1.0)
    path.rmdir()
    path.write_text(later_line)
    assert ring.admit(later) == "lab"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """At the start."""
    with pytest.raises(SettingInvalid, match="SYNRES_SEGMENTER_KEYS"):
        KeyRing(tmp_path / "keys", usual_rate=1.0)
