"""One picture that shows the method at work: real object, expressions, synthetic picture, masks, mosaics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from synres.domain.types import Expression
from synres.ports import Image, Mask

Colour = tuple[int, int, int]
Place = tuple[int, int]
"""(x, y) in pixels, from the top left."""

PAPER: Colour = (250, 249, 246)
INK: Colour = (38, 40, 46)
FAINT: Colour = (146, 148, 156)
RULE: Colour = (226, 224, 218)
GROUPS: tuple[Colour, ...] = ((0, 150, 136), (230, 97, 1), (106, 90, 205), (214, 51, 108))
"""Each group of agreeing expressions has a colour; what was dropped is `FAINT`."""

SIDE, SMALL, GAP, MARGIN = 192, 92, 8, 40
TEXT_WIDTH = 292
MOSAIC_SIDE = 288
HEADINGS = ("real object", "expressions", "synthetic picture", "pseudo-masks", "consensus")
_LEFTS = (
    MARGIN,
    MARGIN + SIDE + 24,
    MARGIN + SIDE + 24 + TEXT_WIDTH,
    MARGIN + 2 * SIDE + 48 + TEXT_WIDTH,
    MARGIN + 2 * SIDE + 72 + TEXT_WIDTH + 3 * SMALL + 2 * GAP,
)
WIDTH = _LEFTS[-1] + SIDE + MARGIN
_HEADER, _ROW = 128, SIDE + 32
_DIM = 0.42


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One source object and one picture made from it. `group[i]` is expression i's group, None if dropped."""

    real: Image
    target: Mask
    expressions: tuple[Expression, ...]
    group: tuple[int | None, ...]
    synthetic: Image
    pseudo_masks: tuple[Mask, ...]
    consensus: tuple[Mask, ...]


@dataclass(frozen=True, slots=True)
class SheetMosaic:
    """A training picture with one of its expressions."""

    image: Image
    expression: Expression
    target: Mask


def draw_contact_sheet(
    title: str, subtitle: str, rows: Sequence[SheetRow], mosaics: Sequence[SheetMosaic]
) -> Image:
    """(H, W, 3) uint8; pictures of any size are fitted into their frames."""
    height = _HEADER + _ROW * len(rows) + (MOSAIC_SIDE + 132 if mosaics else 24)
    sheet = PillowImage.new("RGB", (WIDTH, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, 28), title, INK, font_of(30))
    pen.text((MARGIN, 70), subtitle, FAINT, font_of(15))
    _draw_legend(pen, WIDTH - MARGIN, 72)
    for left, heading in zip(_LEFTS, HEADINGS, strict=True):
        pen.text((left, _HEADER - 26), heading, FAINT, font_of(14))
    for index, row in enumerate(rows):
        top = _HEADER + index * _ROW
        pen.line(((MARGIN, top - 4), (WIDTH - MARGIN, top - 4)), RULE)
        _draw_row(sheet, pen, row, top + 8)
    if mosaics:
        _draw_mosaics(sheet, pen, mosaics, _HEADER + _ROW * len(rows))
    return np.asarray(sheet)


def _draw_legend(pen: ImageDraw.ImageDraw, right: int, top: int) -> None:
    for text, colour in (
        ("dropped by ITAG", FAINT),
        ("a second group", GROUPS[1]),
        ("expressions that agree", GROUPS[0]),
    ):
        right -= round(font_of(14).getlength(text))
        pen.text((right, top), text, INK, font_of(14))
        pen.ellipse((right - 17, top + 5, right - 8, top + 14), fill=colour)
        right -= 40


def _draw_row(sheet: PillowImage.Image, pen: ImageDraw.ImageDraw, row: SheetRow, top: int) -> None:
    paste(sheet, highlight(row.real, [(row.target, INK)], greys=False), (_LEFTS[0], top), SIDE)
    _draw_expressions(pen, row, (_LEFTS[1], top))
    paste(sheet, row.synthetic, (_LEFTS[2], top), SIDE)
    for index, mask in enumerate(row.pseudo_masks):
        line, column = divmod(index, 3)
        place = (_LEFTS[3] + column * (SMALL + GAP), top + line * (SMALL + GAP))
        paste(sheet, highlight(row.synthetic, [(mask, _colour(row.group[index]))]), place, SMALL)
    agreed = [(mask, _colour(index)) for index, mask in enumerate(row.consensus)]
    paste(sheet, highlight(row.synthetic, agreed), (_LEFTS[4], top), SIDE)


def _draw_expressions(pen: ImageDraw.ImageDraw, row: SheetRow, place: Place) -> None:
    x, y = place
    font = font_of(15)
    for expression, group in zip(row.expressions, row.group, strict=True):
        colour = _colour(group)
        pen.ellipse((x, y + 5, x + 9, y + 14), fill=colour)
        for line in wrap(expression, font, TEXT_WIDTH - 40):
            pen.text((x + 18, y), line, FAINT if group is None else INK, font)
            if group is None:
                pen.line((x + 18, y + 10, x + 18 + font.getlength(line), y + 10), FAINT)
            y += 20
        y += 12


def _draw_mosaics(
    sheet: PillowImage.Image, pen: ImageDraw.ImageDraw, mosaics: Sequence[SheetMosaic], top: int
) -> None:
    pen.line(((MARGIN, top - 4), (WIDTH - MARGIN, top - 4)), RULE)
    pen.text((MARGIN, top + 10), "mosaics, as training sees them", FAINT, font_of(14))
    count = (WIDTH - 2 * MARGIN + GAP) // (MOSAIC_SIDE + GAP)
    step = (WIDTH - 2 * MARGIN - MOSAIC_SIDE) / max(1, count - 1)
    for index, mosaic in enumerate(mosaics[:count]):
        left = MARGIN + round(index * step)
        picture = highlight(mosaic.image, [(mosaic.target, INK)], greys=False)
        paste(sheet, picture, (left, top + 40), MOSAIC_SIDE)
        pen.text((left, top + 48 + MOSAIC_SIDE), mosaic.expression, INK, font_of(15))


def highlight(image: Image, targets: Sequence[tuple[Mask, Colour]], greys: bool = True) -> Image:
    """True colours inside the targets, a line around each, and paler outside: grey, if it `greys`."""
    side = SIDE * 2
    picture = np.asarray(_fitted(image, side, masks=False), np.float32)
    large = [(np.asarray(_fitted(mask, side, masks=True)), colour) for mask, colour in targets]
    inside = np.zeros(picture.shape[:2], np.bool_)
    for mask, _ in large:
        inside |= mask
    outside, strength = (picture.mean(axis=2, keepdims=True), _DIM) if greys else (picture, 1 - _DIM)
    pale = outside * strength + np.array(PAPER, np.float32) * (1 - strength)
    shown = np.where(inside[..., None], picture, pale)
    for mask, colour in large:
        shown[_outline(mask)] = colour
    return shown.astype(np.uint8)


def _outline(mask: Mask, width: int = 4) -> NDArray[np.bool_]:
    """The pixels outside of the mask that are less than `width` away from it along rows, columns or both."""
    grown = mask.copy()
    for _ in range(width):
        padded = np.pad(grown, 1)
        grown = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:] | grown
    return grown & ~mask


def paste(sheet: PillowImage.Image, image: Image, place: Place, side: int) -> None:
    """Centred in a square of `side`, with rounded corners."""
    picture = _fitted(image, side, masks=False)
    width, height = picture.size
    corners = PillowImage.new("L", (width * 4, height * 4))
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, width * 4 - 1, height * 4 - 1), 24, fill=255)
    where = (place[0] + (side - width) // 2, place[1] + (side - height) // 2)
    sheet.paste(picture, where, corners.resize(picture.size, PillowImage.Resampling.LANCZOS))


def _fitted(array: Image | Mask, side: int, masks: bool) -> PillowImage.Image:
    """The longer side becomes `side`; small pictures keep their pixels visible."""
    height, width = array.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = PillowImage.Resampling.NEAREST if masks or scale > 1 else PillowImage.Resampling.LANCZOS
    return PillowImage.fromarray(array).resize(size, how)


def wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines[:2]


def _colour(group: int | None) -> Colour:
    return FAINT if group is None else GROUPS[group % len(GROUPS)]


def font_of(size: int) -> ImageFont.FreeTypeFont:
    # with a size, Pillow returns its own TrueType font
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))
