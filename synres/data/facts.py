"""What pixels say of an object: colour, size and place. Everything an attribute expression may claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from synres.data.colours import COLOURS, colour_shares
from synres.ports import Image, SceneMask

_SURE_SHARE, _NO_SHARE = 0.4, 0.2
_LEAD = 1.25


@dataclass(frozen=True)
class Facts:
    """One object of a picture. `area` is a share of it; `x`, `y` the centre in 0..1 from the top left.

    `shares` holds, for each name of `COLOURS`, the share of its pixels nearest to that name.
    """

    category: str
    area: float
    x: float
    y: float
    shares: tuple[float, ...]

    @cached_property
    def colour(self) -> str:
        """The name that most pixels have, or "" when no name leads clearly."""
        first, second = sorted(self.shares)[:-3:-1]
        leads = first >= _SURE_SHARE and first >= _LEAD * second
        return COLOURS[self.shares.index(first)] if leads else ""

    def cannot_be(self, colour: str) -> bool:
        """True if hardly a pixel has that colour; between this and `colour` lies what people may dispute."""
        return self.shares[COLOURS.index(colour)] < _NO_SHARE


def measure(image: Image, objects: Sequence[SceneMask]) -> list[Facts]:
    """Facts of each object, in order; an object without pixels has area 0."""
    return [_measure(image, scene_object) for scene_object in objects]


def _measure(image: Image, scene_object: SceneMask) -> Facts:
    places = np.flatnonzero(scene_object.mask)
    if not len(places):
        return Facts(scene_object.category, 0.0, 0.0, 0.0, (0.0,) * len(COLOURS))
    height, width = scene_object.mask.shape
    y = (float((places // width).mean()) + 0.5) / height
    x = (float((places % width).mean()) + 0.5) / width
    shares = tuple(float(share) for share in colour_shares(image.reshape(-1, 3)[places]))
    return Facts(scene_object.category, len(places) / (height * width), x, y, shares)
