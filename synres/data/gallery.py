"""The worst answers of an evaluation in one picture, sorted by what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from synres.data.contact_sheet import (
    FAINT,
    GROUPS,
    INK,
    MARGIN,
    PAPER,
    RULE,
    SIDE,
    font_of,
    highlight,
    paste,
    wrap,
)
from synres.domain.types import Expression
from synres.ports import Image, Mask

COLUMNS = 5
TARGET, ANSWER = GROUPS[0], GROUPS[1]
_STEP = SIDE + 20
WIDTH = 2 * MARGIN + COLUMNS * _STEP - 20
_HEADER, _HEADING, _CELL = 112, 34, SIDE + 78


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer. `iou` in [0, 1]."""

    image: Image
    expression: Expression
    target: Mask
    answer: Mask
    iou: float
    where: str = ""


def draw_gallery(title: str, subtitle: str, failures: Mapping[str, Sequence[Shown]]) -> Image:
    """(H, W, 3) uint8: a row of up to `COLUMNS` pictures for each kind, target and answer outlined."""
    rows = {kind: shown[:COLUMNS] for kind, shown in failures.items() if shown}
    height = _HEADER + (_HEADING + _CELL) * len(rows) + 24
    sheet = PillowImage.new("RGB", (WIDTH, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, 28), title, INK, font_of(28))
    pen.text((MARGIN, 68), subtitle, FAINT, font_of(15))
    _draw_legend(pen)
    for index, (kind, shown) in enumerate(rows.items()):
        top = _HEADER + index * (_HEADING + _CELL)
        pen.line(((MARGIN, top - 4), (WIDTH - MARGIN, top - 4)), RULE)
        pen.text((MARGIN, top + 6), kind, INK, font_of(17))
        for column, one in enumerate(shown):
            _draw_answer(sheet, pen, one, (MARGIN + column * _STEP, top + _HEADING))
    return np.asarray(sheet)


def _draw_legend(pen: ImageDraw.ImageDraw) -> None:
    right = WIDTH - MARGIN
    for text, colour in (("the answer", ANSWER), ("what was meant", TARGET)):
        right -= round(font_of(14).getlength(text))
        pen.text((right, 70), text, INK, font_of(14))
        pen.ellipse((right - 17, 75, right - 8, 84), fill=colour)
        right -= 40


def _draw_answer(
    sheet: PillowImage.Image, pen: ImageDraw.ImageDraw, shown: Shown, place: tuple[int, int]
) -> None:
    x, y = place
    both = [(mask, colour) for mask, colour in ((shown.answer, ANSWER), (shown.target, TARGET)) if mask.any()]
    paste(sheet, highlight(shown.image, both), place, SIDE)
    for line, text in enumerate(wrap(shown.expression, font_of(14), SIDE)):
        pen.text((x, y + SIDE + 6 + 18 * line), text, INK, font_of(14))
    told = " · ".join(filter(None, (f"IoU {shown.iou:.2f}", shown.where)))
    pen.text((x, y + SIDE + 44), told, FAINT, font_of(13))
