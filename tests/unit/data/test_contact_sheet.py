"""The contact sheet: it takes any picture, leaves nothing out, and is the same twice."""

from __future__ import annotations

import numpy as np

from synres.data.contact_sheet import WIDTH, SheetMosaic, SheetRow, draw_contact_sheet
from synres.domain.seeds import rng


def _row(size: tuple[int, int], expressions: int) -> SheetRow:
    generator = rng(1, "sheet", *size)
    image = generator.integers(0, 255, (*size, 3), np.uint8)
    mask = np.zeros(size, np.bool_)
    mask[: size[0] // 2] = True
    names = tuple(f"a rather long expression that must be broken, number {i}" for i in range(expressions))
    groups = tuple(None if i % 3 == 2 else i % 2 for i in range(expressions))
    return SheetRow(image, mask, names, groups, image, (mask,) * expressions, (mask, ~mask))


def test_pictures_of_any_size_and_shape_fit() -> None:
    """Wide, tall, tiny and larger than the frame; more rows make the sheet taller, never wider."""
    rows = [_row(size, 5) for size in ((96, 96), (48, 48), (40, 200), (300, 70), (1, 1))]
    mosaic = SheetMosaic(rows[0].real, "the thing", rows[0].target)
    short = draw_contact_sheet("title", "subtitle", rows[:1], [mosaic])
    tall = draw_contact_sheet("title", "subtitle", rows, [mosaic] * 9)
    assert short.shape[1:] == tall.shape[1:] == (WIDTH, 3)
    assert tall.shape[0] > short.shape[0]


def test_a_sheet_without_mosaics_or_groups_is_drawn() -> None:
    """An arm without mosaics, and a picture of which ITAG kept nothing."""
    row = _row((96, 96), 2)
    bare = SheetRow(row.real, row.target, row.expressions, (None, None), row.synthetic, row.pseudo_masks, ())
    assert draw_contact_sheet("title", "", [bare], []).size


def test_the_same_rows_give_the_same_sheet() -> None:
    """Nothing in it is drawn by chance."""
    rows = [_row((96, 96), 5)]
    assert np.array_equal(draw_contact_sheet("t", "s", rows, []), draw_contact_sheet("t", "s", rows, []))
