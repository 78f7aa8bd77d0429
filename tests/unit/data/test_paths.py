"""File names out of annotations stay inside their folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from synres.data.paths import path_inside
from synres.errors import UnsafePath


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../x.png",
        "a/../../x.png",
        "a/..",
        "C:\\x.png",
        "\\\\host\\x",
        "..\\x.png",
        "a\0b",
        "\\x",
    ],
)
def test_names_that_may_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    """Absolute names, `..` and empty names are unsafe, in either system's spelling."""
    with pytest.raises(UnsafePath):
        path_inside(tmp_path, name)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A link to a file or a folder elsewhere leads out, whatever its own name."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.png").write_bytes(b"x")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "link.png").symlink_to(tmp_path / "outside" / "secret.png")
    (pictures / "folder").symlink_to(tmp_path / "outside")
    for name in ("link.png", "folder/secret.png"):
        with pytest.raises(UnsafePath, match="by a link"):
            path_inside(pictures, name)


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    """Sub-folders, odd spellings and links that stay inside are fine."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"x")
    (tmp_path / "y.png").symlink_to(tmp_path / "a" / "x.png")
    expected = (tmp_path / "a" / "x.png").resolve()
    assert path_inside(tmp_path, "a/x.png") == path_inside(tmp_path, "./a//x.png") == expected
    assert path_inside(tmp_path, "y.png") == expected


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    """One bad link in a folder must not end an ingest."""
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(UnsafePath, match="itself"):
        path_inside(tmp_path, "loop.png")
