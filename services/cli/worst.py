"""The worst answers of an evaluation: a list for the report, and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from synres.data.gallery import COLUMNS, Shown, draw_gallery
from synres.data.images import decode_image, encode_png
from synres.domain.failures import FAILURES
from synres.domain.masks import decode_mask
from synres.ledger.ledger import Ledger
from synres.stages.evaluate import EvaluatedExpression

LISTED = 20
"""Of each kind, in the report."""


def worst(rows: Sequence[EvaluatedExpression], kind: str) -> list[EvaluatedExpression]:
    """All answers that failed so, the lowest IoU first, then the largest share of the picture wrong."""

    def badness(row: EvaluatedExpression) -> tuple[float, float, str, str]:
        wrong = (row.union - row.intersection) / _pixels(row)
        return (_iou(row), -wrong, row.item, row.expression)

    return sorted((row for row in rows if row.failure == kind), key=badness)


def listed(rows: Sequence[EvaluatedExpression]) -> dict[str, list[dict[str, Any]]]:
    """Kind -> its worst answers, for a report: `image` is the picture's digest in the store."""
    return {kind: [_facts(row) for row in worst(rows, kind)[:LISTED]] for kind in FAILURES}


def gallery(ledger: Ledger, rows: Sequence[EvaluatedExpression], title: str, subtitle: str) -> bytes:
    """PNG of the worst of each kind."""
    shown = {}
    for kind in FAILURES:
        found = worst(rows, kind)
        heading = f"{kind.replace('_', '-')}: {len(found):,} of {len(rows):,}"
        shown[heading] = [_shown(ledger, row) for row in found[:COLUMNS]]
    return encode_png(draw_gallery(title, subtitle, shown))


def _shown(ledger: Ledger, row: EvaluatedExpression) -> Shown:
    where = " ".join(filter(None, (row.subset, row.domain)))
    image = decode_image(ledger.get_blob(row.image))
    nothing = np.zeros(image.shape[:2], np.bool_)
    target, answer = (nothing if rle is None else decode_mask(rle) for rle in (row.target, row.predicted))
    return Shown(image, row.expression, target, answer, _iou(row), where)


def _facts(row: EvaluatedExpression) -> dict[str, Any]:
    return {
        "image": row.image, "expression": row.expression, "subset": row.subset, "domain": row.domain,
        "iou": _iou(row), "intersection": row.intersection, "union": row.union,
        "predicted_area": row.predicted_area, "target_area": row.target_area,
    }  # fmt: skip


def _iou(row: EvaluatedExpression) -> float:
    return row.intersection / row.union if row.union else 1.0


def _pixels(row: EvaluatedExpression) -> int:
    return row.target.size[0] * row.target.size[1] if row.target else 1
