"""Other grounds for the cut-outs of a photo: its own in another colour, or a backdrop out of focus.

One photo has one ground. A model that is trained on it alone learns that ground by heart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFilter

from synres.data.colours import COLOURS, shift_colour
from synres.data.cutouts import Studio
from synres.data.pixels import blurred, spread

BACKDROP_SHARE, TINTED_SHARE = 0.5, 0.5
TINTS: tuple[str, ...] = tuple(colour for colour in COLOURS if colour not in ("black", "white"))
"""Black and white would swallow shade and gloss."""
_OUT_OF_FOCUS = 0.08
"""Blur of a backdrop, as a share of the picture's longest side."""
_GRAIN = 3.0
_FEATHER = 1.0


def tinted(studio: Studio, colour: str) -> Studio:
    """The same studio with the main colour of its ground shifted; objects that stand in it keep theirs."""
    bare = np.ones_like(studio.cover, np.bool_) if studio.cleared else studio.cover == 0
    shifted = shift_colour(studio.ground, colour, bare).astype(np.float32)
    share = blurred(bare, _FEATHER)[..., None]
    ground = np.rint(studio.ground + share * (shifted - studio.ground)).astype(np.uint8)
    return replace(studio, ground=ground, _changes={})


def with_backdrop(studio: Studio, seed: int = 0) -> Studio:
    """Cut-outs alone, before the colours of the photo's ground out of focus."""
    bare = studio.cover == 0
    smooth = PillowImage.fromarray(spread(studio.ground.astype(np.float32), bare).astype(np.uint8))
    soft = smooth.filter(ImageFilter.GaussianBlur(_OUT_OF_FOCUS * max(smooth.size)))
    rng = np.random.Generator(np.random.PCG64(seed))
    grain = _GRAIN * rng.standard_normal((*studio.cover.shape, 1))
    ground = np.clip(np.asarray(soft) + grain, 0, 255).astype(np.uint8)
    return replace(studio, ground=ground, cleared=True, _changes={})


class Grounds:
    """A photo's studio before each ground that was drawn, made when it is first drawn."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._made = {(False, ""): studio}

    def draw(self, rng: np.random.Generator, shown: Iterable[int] = ()) -> Studio:
        """The photo's own ground or, where that is crowded, half of the time a backdrop; half are tinted.

        `shown` are cut-outs that the scene must have: no backdrop unless all of them look well alone.
        """
        backdrop = rng.random() < BACKDROP_SHARE and not self.studio.cleared
        backdrop = backdrop and all(self.studio.can_stand_alone(index) for index in shown)
        tint = TINTS[int(rng.integers(len(TINTS)))]
        return self._before(backdrop, tint if rng.random() < TINTED_SHARE else "")

    def _before(self, backdrop: bool, colour: str) -> Studio:
        if (backdrop, colour) not in self._made:
            plain = self._before(backdrop, "") if colour else with_backdrop(self.studio)
            self._made[backdrop, colour] = tinted(plain, colour) if colour else plain
        return self._made[backdrop, colour]
