"""Your own pictures: `images/NAME.jpg`, `masks/NAME.png`, `texts/NAME.txt`; several targets in subfolders.

`texts/NAME.txt`: one expression a line. `masks/NAME.png`: any value but 0 is the target; all 0 is no target.
A picture with several targets has `masks/NAME/TARGET.png` and `texts/NAME/TARGET.txt` instead. All of it may
stand in folders of splits: `val/images/`, `val/masks/`, `val/texts/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from synres.data.images import image_size
from synres.data.paths import refuse_link_out
from synres.data.readers.labels import MaskPicture
from synres.data.rows import Place, Problem, ReferringRow
from synres.errors import NotFound, RejectedItem

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def read_folder(folder: Path, split: str = "") -> Iterator[ReferringRow | Problem]:
    """A row for each text file, sorted by name. `size` comes from the picture's header; `categories` are "".

    Problems: `image_missing`, `image_unreadable`, `image_too_many_pixels`, `mask_missing`, `text_missing`,
    `text_unreadable`, `unsafe_path`, `empty_expression`. Raises NotFound.
    """
    found = split_folders(folder)
    if not found or (split and split not in found):
        raise NotFound(
            f"{folder} holds no images/, masks/ and texts/{f' of the split {split}' if split else ''}"
        )
    number = 0
    for name, base in found.items():
        if split in ("", name):
            for target in _targets(base):
                yield from _read(folder, base, target, name, number)
                number += 1


def split_folders(folder: Path) -> dict[str, Path]:
    """Split -> where its `images/` and `texts/` stand; "" for a folder without splits."""
    if (folder / "images").is_dir() and (folder / "texts").is_dir():
        return {"": folder}
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []
    return {path.name: path for path in inner if (path / "images").is_dir() and (path / "texts").is_dir()}


def _targets(base: Path) -> list[str]:
    """Names such as "a" or "a/left", of texts or of masks: either may lack the other."""
    names = set()
    for kind, suffix in (("texts", ".txt"), ("masks", ".png")):
        for path in (base / kind).rglob(f"*{suffix}"):
            names.add(path.relative_to(base / kind).with_suffix("").as_posix())
    return sorted(names)


def _read(folder: Path, base: Path, target: str, split: str, number: int) -> Iterator[ReferringRow | Problem]:
    text, mask = base / "texts" / f"{target}.txt", base / "masks" / f"{target}.png"
    place = Place(text.relative_to(folder).as_posix())
    try:
        image = _picture(base / "images", target.split("/")[0])
        size = image_size(image)
        lines = _lines(text)
        if not mask.is_file():
            raise RejectedItem("mask_missing", f"{mask.relative_to(folder).as_posix()} is not there")
    except RejectedItem as refused:
        yield Problem(place, refused.reason, refused.message)
        return
    said = [(number, line.strip()) for number, line in enumerate(lines) if line.strip()]
    if not said:
        yield Problem(place, "empty_expression", "the text has no line with words")
        return
    masks = (MaskPicture(mask, Place(mask.relative_to(folder).as_posix())),)
    yield ReferringRow(
        place=place, image=image, size=size, expressions=tuple(line for _, line in said),
        expression_ids=tuple(k for k, _ in said), masks=masks, categories=("",), split=split,
        ref_id=number, image_id=number,
    )  # fmt: skip


def _picture(images: Path, stem: str) -> Path:
    for suffix in SUFFIXES:
        if (images / f"{stem}{suffix}").is_file():
            return images / f"{stem}{suffix}"
    raise RejectedItem("image_missing", f"images/ holds no {stem} ({', '.join(SUFFIXES)})")


def _lines(path: Path) -> list[str]:
    refuse_link_out(path)
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise RejectedItem("text_missing", f"{path.name} is not there") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RejectedItem("text_unreadable", f"{path.name} is no UTF-8 text: {error}") from error
