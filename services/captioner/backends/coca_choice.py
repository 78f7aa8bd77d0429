"""Which of a captioner's texts become expressions: no two alike, none that fits a neighbour better."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synres.domain.prompts import distinct_expressions
from synres.domain.types import Expression
from synres.ports import FoundExpressions

TOO_ALIKE = "too_alike"
FITS_OTHERS = "fits_other_objects"


def pick_expressions(
    texts: Sequence[Expression], likeness: NDArray[np.float64], n: int, jaccard: float
) -> FoundExpressions:
    """The `n` distinct texts that fit the object best, best first.

    `likeness` (texts, 1 + neighbours): cosines of each text with the object, then with each neighbour; a text
    that fits a neighbour better is left out. The shortfall is "fits_other_objects" where those would have
    sufficed, else "too_alike": too few texts said anything new.
    """
    ranked = sorted(range(len(texts)), key=lambda i: (-likeness[i, 0], texts[i]))
    telling = [texts[i] for i in ranked if likeness[i, 0] >= likeness[i].max()]
    found = tuple(distinct_expressions(telling, n, jaccard))
    if len(found) == n:
        return FoundExpressions(found)
    enough = len(distinct_expressions((texts[i] for i in ranked), n, jaccard)) == n
    return FoundExpressions(found, FITS_OTHERS if enough else TOO_ALIKE)
