"""Expressions from real pixels: colour, size, place, order, neighbours. No model."""

from __future__ import annotations

import numpy as np

from synres.data.attributes import describe
from synres.data.facts import measure
from synres.domain.digests import digest_json
from synres.domain.types import ModelInfo
from synres.errors import RejectedItem
from synres.ports import FoundExpressions, ObjectView, SceneMask

VERSION = 1


class AttributesCaptioner:
    """Says only what holds for this object and for no other annotated object of the picture."""

    thread_safe = True
    model = ModelInfo(
        "attributes", digest_json(["captioner", "attributes", VERSION]), "Apache-2.0", bitwise=True
    )

    def caption(self, view: ObjectView, n: int, seed: int) -> FoundExpressions:
        """`n` distinct expressions, true of it alone; raises RejectedItem("too_few_expressions")."""
        scene = measure(view.image, (SceneMask(view.category, view.mask), *view.others))
        expressions = describe(scene, 0, n, np.random.Generator(np.random.PCG64(seed)))
        if len(expressions) < n:
            raise RejectedItem(
                "too_few_expressions",
                f"{len(expressions)} of {n} expressions tell this {view.category or 'object'} apart",
            )
        return FoundExpressions(tuple(expressions))
