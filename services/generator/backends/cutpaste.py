"""New scenes from the cut-outs of the sample's own photograph: real pixels, exact masks, no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from synres.data.claims import Claims, parse_claims
from synres.data.colours import COLOURS
from synres.data.cutouts import Studio, open_studio
from synres.data.cutpaste import Scene, foresee, paint, plan_scene
from synres.data.facts import Facts, measure
from synres.data.grounds import Grounds
from synres.data.layout import Wish
from synres.data.naming import named
from synres.domain.digests import digest_bytes, digest_json
from synres.domain.types import ModelInfo
from synres.errors import RejectedItem
from synres.ports import GeneratedImage, GeneratorInput, Image, Mask, ObjectView, SceneMask

VERSION = 1
PLANS = 48
"""Each plan leaves the photo's own layout less than the one before; the last keeps it, with all objects."""
PAINTINGS = 4
"""Plans that look right may fail once objects hide each other; so many are painted at most."""


class CutpasteGenerator:
    """Colour words dye the target, nouns choose cut-outs; place and order decide which try is kept."""

    thread_safe = True
    needs_view = True
    model = ModelInfo("cutpaste", digest_json(["generator", "cutpaste", VERSION]), "Apache-2.0", bitwise=True)

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        """Pictures of at most 384 pixels a side; an expression that its scene belies has an empty mask.

        Raises RejectedItem("object_too_small") for an object that vanishes at that size.
        """
        photo, target = _photo_of(request.view)
        grounds = _grounds(photo)
        studio = grounds.studio
        if not studio.masks[target].any():
            raise RejectedItem(
                "object_too_small", f"this {request.view.category} is below one pixel of a scene"
            )
        said = [
            parse_claims(text, {cutout.category for cutout in studio.cutouts}) for text in request.expressions
        ]
        wish = _wish(studio, target, said)
        return [_first_that_fits(_paintings(grounds, wish, said, seed), said) for seed in seeds]


@dataclass(frozen=True)
class _Photo:
    """Equal by content: all samples of a photo share one studio, whichever of its objects they are."""

    digest: str
    image: Image = field(compare=False)
    objects: tuple[SceneMask, ...] = field(compare=False)


@lru_cache(maxsize=4)
def _grounds(photo: _Photo) -> Grounds:
    return Grounds(open_studio(photo.image, photo.objects))


def _photo_of(view: ObjectView) -> tuple[_Photo, int]:
    """The photo with its objects in an order of their own, and the number of the view's object."""
    objects = [SceneMask(view.category, view.mask), *view.others]
    keys = [(o.category, digest_bytes(np.packbits(o.mask).tobytes())) for o in objects]
    order = sorted(range(len(objects)), key=lambda i: keys[i])
    content = [digest_bytes(view.image.tobytes()), list(view.image.shape), [list(keys[i]) for i in order]]
    return _Photo(digest_json(content), view.image, tuple(objects[i] for i in order)), order.index(0)


def _wish(studio: Studio, target: int, said: Sequence[Claims]) -> Wish:
    """The colour that most expressions state, unless the object has it; every object that they speak of."""
    colours = Counter(claims.colour for claims in said if claims.colour).most_common(1)
    own = COLOURS[int(np.argmax(studio.shares(target, "")))]
    colour = colours[0][0] if colours and colours[0][0] != own else ""
    nouns = {claims.noun for claims in said if claims.order or claims.relation}
    nouns |= {claims.landmark.noun for claims in said if claims.landmark}
    others = frozenset(i for i, other in enumerate(studio.cutouts) if other.category in nouns and i != target)
    return Wish(target, colour, others)


def _paintings(grounds: Grounds, wish: Wish, said: Sequence[Claims], seed: int) -> Iterator[Scene]:
    """Scenes that look right before they are painted, ever nearer to the photo's layout; at last that."""
    rng = np.random.Generator(np.random.PCG64(seed))
    studio, painted = grounds.draw(rng, wish.shown), 0
    for number in range(PLANS):
        plan = plan_scene(studio, replace(wish, boldness=1 - number / PLANS), rng)
        if painted < PAINTINGS and set(_meant(said, foresee(studio, plan), 0)) == {0}:
            painted += 1
            yield paint(studio, plan, has_target=True)
    everything = frozenset(range(len(studio.cutouts))) - {wish.target}
    # A backdrop has no layout of its own to fall back on; a tinted ground has.
    own = studio if studio.cleared == grounds.studio.cleared else grounds.studio
    yield paint(own, plan_scene(own, replace(wish, others=everything, boldness=0.0), rng), has_target=True)


def _first_that_fits(scenes: Iterator[Scene], said: Sequence[Claims]) -> GeneratedImage:
    """The first scene in which every expression names the target, else the one in which most do."""
    best, best_hits = None, -1
    for scene in scenes:
        meant = _meant(said, measure(scene.image, scene.objects), scene.target)
        hits = sum(number is not None and number == scene.target for number in meant)
        if hits > best_hits:
            best, best_hits = GeneratedImage(scene.image, tuple(_mask(scene, n) for n in meant)), hits
        if hits == len(said):
            break
    if best is None:
        raise ValueError("no scene to choose from")
    return best


def _meant(said: Sequence[Claims], scene: Sequence[Facts], target: int | None) -> list[int | None]:
    """What each expression names; one without a claim that pixels can bear out names what was asked for."""
    return [named(claims, scene) if claims.attributes() else target for claims in said]


def _mask(scene: Scene, number: int | None) -> Mask:
    if number is None:
        return np.zeros(scene.image.shape[:2], np.bool_)
    return scene.objects[number].mask
