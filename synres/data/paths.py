"""File names that come out of somebody else's annotations, and must not lead out of their folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from synres.errors import RejectedItem, UnsafePath


def path_inside(folder: Path, file_name: str, what: str = "file_name") -> Path:
    """The real path of `file_name` under `folder`; it need not exist. Errors call it `what`.

    Raises UnsafePath for a name that is empty, absolute (also in the Windows way), holds `..` or a NUL, or
    that a link leads out of the folder. Nothing is opened.
    """
    windows = PureWindowsPath(file_name)
    if not windows.parts or "\0" in file_name:
        raise UnsafePath(f"{what} {file_name!r} names no file; give a path below {folder.name}/")
    if PurePosixPath(file_name).is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise UnsafePath(f"{what} {file_name!r} is absolute or holds '..'; give a path below {folder.name}/")
    root = folder.resolve()
    try:
        path = (root / file_name).resolve()
    except RuntimeError as error:
        # what Python 3.11 raises for a link that leads to itself
        raise UnsafePath(f"{what} {file_name!r} is a link that leads to itself") from error
    if not path.is_relative_to(root):
        raise UnsafePath(f"{what} {file_name!r} leaves {folder.name}/ by a link; put the file itself there")
    return path


def refuse_link_out(path: Path) -> None:
    """Raises RejectedItem("unsafe_path") for a file that is a link out of its folder.

    Unpacked from somebody's archive, it would bring a file of this machine into what is published.
    """
    if path.is_symlink():
        try:
            path_inside(path.parent, path.name)
        except UnsafePath as error:
            raise RejectedItem("unsafe_path", error.message) from error
