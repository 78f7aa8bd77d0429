"""The micro world's captioner: nucleus samples of a tiny CoCa, ranked by its own image-text cosine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image as PilImage

from services.captioner.backends.micro_coca import (
    END,
    SIDE,
    START,
    TOKENS,
    MicroCoca,
    sample_captions,
)  # fmt: skip
from synres.domain.digests import digest_json
from synres.domain.types import Expression, ModelInfo
from synres.errors import RejectedItem
from synres.microworld.expressions import Constraints, express
from synres.microworld.render import crop_around
from synres.microworld.vocabulary import COLOURS, SHAPES, SIZES, TEXTURES, THING
from synres.models.shipped import load_shipped
from synres.ports import FoundExpressions, Image, Mask, ObjectView

VERSION = 2
WEIGHTS = Path(__file__).parent / "weights"
FILE = "micro_coca.safetensors"
CANDIDATES_PER_EXPRESSION = 8
TOP_P, TEMPERATURE = 0.95, 1.0
CONTEXT = 1.15
"""Side of the window over the longer side of the object's box, where half the picture is not enough."""
_ORDER: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("size", tuple(SIZES)), ("colour", tuple(COLOURS)), ("texture", TEXTURES), ("shape", (*SHAPES, THING)),
)  # fmt: skip


class MicroCaptioner:
    """Port Captioner. Sees one window of the picture and knows nothing of the rest."""

    thread_safe = True

    def __init__(self) -> None:
        """Raises BackendUnavailable when the shipped weights are missing or altered."""
        self._coca, digest = load_coca()
        self.model = ModelInfo(
            "micro", digest_json(["captioner", "micro", VERSION, digest]), "Apache-2.0", True
        )

    @torch.inference_mode()
    def caption(self, view: ObjectView, n: int, seed: int) -> FoundExpressions:
        """`n` of 8n samples, likeliest first; fewer raise RejectedItem("too_few_expressions").

        They state the first `n` choices of attributes that were sampled, short ones among them, each in its
        likeliest wording: no two expressions differ by a word in doubt alone.
        """
        vector, tokens = self._coca.encode_image(to_tensor(object_window(view.image, view.mask)))
        generator = torch.Generator().manual_seed(seed)
        count = CANDIDATES_PER_EXPRESSION * n
        ids = sample_captions(self._coca, tokens, count, generator, TOP_P, TEMPERATURE)
        likeness = (self._coca.encode_text(ids)[0] @ vector[0]).tolist()
        best: dict[frozenset[str], tuple[float, Expression]] = {}
        for score, caption in zip(likeness, ids.tolist(), strict=True):
            stated = read_caption(caption)
            choice = frozenset(stated)
            if stated and (choice in best or len(best) < n):
                found = (score, express(Constraints(**stated)))
                best[choice] = max(best.get(choice, found), found)
        if len(best) < n:
            raise RejectedItem(
                "too_few_expressions", f"{len(best)} distinct expressions of one object, {n} asked for"
            )
        return FoundExpressions(tuple(expression for _, expression in sorted(best.values(), reverse=True)))


def load_coca() -> tuple[MicroCoca, str]:
    """The shipped network, and its digest; raises BackendUnavailable as `load_shipped` does."""
    tensors, digest = load_shipped(WEIGHTS, FILE)
    coca = MicroCoca()
    coca.load_state_dict(tensors)
    return coca.eval(), digest


def object_window(image: Image, mask: Mask) -> Image:
    """What the network sees: (48, 48, 3) uint8 around the mask's box, neighbours and ground as they are.

    The window is half the picture's shorter side, so that "small" and "large" can be told apart, or the box
    with some context where that is larger. Nothing is blurred: the training pictures come without masks.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    side = max(min(mask.shape) // 2, round(CONTEXT * int(box)))
    return as_window(crop_around(image, mask, side))


def as_window(square: Image) -> Image:
    """A square of any size -> (48, 48, 3) uint8."""
    if len(square) == SIDE:
        return square
    return np.asarray(PilImage.fromarray(square).resize((SIDE, SIDE), PilImage.Resampling.BOX))


def read_caption(ids: list[int]) -> dict[str, str]:
    """Token ids -> attribute -> word; empty if they are no caption (words out of order, no noun)."""
    words = [TOKENS[i] for i in ids if i not in (START, END)]
    stated: dict[str, str] = {}
    for name, choices in _ORDER:
        if words and words[0] in choices:
            stated[name] = words.pop(0)
    if words or "shape" not in stated:
        return {}
    if stated["shape"] == THING:
        del stated["shape"]
    return stated


def to_tensor(picture: Image) -> torch.Tensor:
    """(48, 48, 3) uint8 -> (1, 3, 48, 48) in [-1, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
