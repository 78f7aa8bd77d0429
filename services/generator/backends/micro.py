"""The micro world's learned text-to-image generator: a tiny SANA trained on single-object pictures with text.

Each picture is composed of four generated ones, the object asked for and three distractors: the network draws
single objects, and the method needs pictures in which an expression can be mistaken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PilImage

from synres.domain.digests import digest_json
from synres.domain.types import ModelInfo
from synres.errors import InvalidInput, RejectedItem
from synres.microworld.expressions import Constraints, parse_expression
from synres.microworld.layouts import conform
from synres.microworld.procedural import distractor
from synres.microworld.scene import Attributes, random_attributes
from synres.models.shipped import load_shipped
from synres.ports import GeneratedImage, GeneratorInput, Image

VERSION = 2
WEIGHTS = Path(__file__).parent / "weights"
FILE = "micro_sana.safetensors"
STEPS, GUIDANCE, SHIFT = 8, 2.5, 3.0
SHARED = 0.8
"""Share of the noise that the tiles of a picture have in common: it gives them like ground."""
TILES = 4
TILE, REACH, JITTER, SEAM = 48, 8, 4, 6
"""Pixels: side of a tile, how far it goes on under its neighbours, how far it stands off its quarter, and the
width over which one passes into the next."""
_QUARTERS = {"left": (0, 2), "right": (1, 3), "top": (0, 1), "bottom": (2, 3), "": (0, 1, 2, 3)}
"""Quarters in reading order, by the position that the prompt asks for."""


class MicroGenerator:
    """Port ImageGenerator. Pictures of 96 x 96 pixels, without masks."""

    thread_safe = True
    needs_view = False

    def __init__(self) -> None:
        """Raises BackendUnavailable when the shipped weights are missing or altered."""
        # diffusers takes seconds to import: only who generates shall wait for it
        from services.generator.backends.micro_sana import MicroSana, sample_pictures, word_ids

        tensors, digest = load_shipped(WEIGHTS, FILE)
        self._sana = MicroSana()
        self._sana.load_state_dict(tensors)
        self._sana.eval()
        self._sample, self._word_ids = sample_pictures, word_ids
        self.model = ModelInfo(
            "micro", digest_json(["generator", "micro", VERSION, digest]), "Apache-2.0", True
        )

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        """Raises RejectedItem("unknown_word") for a word outside the micro world."""
        wanted = read_prompt(request.prompt)
        return [GeneratedImage(self._picture(wanted, seed)) for seed in seeds]

    def _picture(self, wanted: Constraints, seed: int) -> Image:
        rng = np.random.default_rng(seed)
        target = conform(rng, random_attributes(rng), wanted)
        prompts = [target, *(distractor(rng, target) for _ in range(TILES - 1))]
        tiles = self.draw(prompts, [GUIDANCE] * TILES, seed, SHARED)
        choices = _QUARTERS[wanted.position]
        first = choices[rng.integers(len(choices))]
        order = [1, 2, 3]
        order.insert(first, 0)
        return compose(tiles[order], rng)

    def draw(
        self, prompts: Sequence[Attributes], guidance: Sequence[float], seed: int, shared: float = 0.0
    ) -> NDArray[np.uint8]:
        """A single-object picture for each prompt: (n, 48, 48, 3) uint8; `guidance` for each, 1 for none."""
        generator = torch.Generator().manual_seed(seed)
        common = torch.randn(self._sana.latent_shape, generator=generator)
        own = torch.randn(len(prompts), *self._sana.latent_shape, generator=generator)
        noise = shared**0.5 * common + (1 - shared) ** 0.5 * own
        pictures = self._sample(
            self._sana, self._word_ids(prompts), noise, STEPS, torch.tensor(guidance), SHIFT
        )
        return np.asarray(((pictures + 1) * 127.5).round().byte().permute(0, 2, 3, 1))


def read_prompt(prompt: str) -> Constraints:
    """What the composite prompt asks for: for each attribute the word that most of its expressions state.

    Of equally frequent words the first wins: captioners put their best expression first. Raises RejectedItem.
    """
    try:
        stated = [parse_expression(text) for text in prompt.split(", ")]
    except InvalidInput as error:
        raise RejectedItem("unknown_word", error.message) from error
    votes = {
        name: Counter(filter(None, (getattr(one, name) for one in stated))) for name in Constraints.__slots__
    }
    winners = {name: count.most_common(1)[0][0] for name, count in votes.items() if count}
    if "shape" in winners:
        winners.pop("superclass", None)
    return Constraints(**winners)


def compose(tiles: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """Four tiles (4, 48, 48, 3) in reading order, each turned -> (96, 96, 3) uint8; grounds blend.

    Turning makes up for what the network has seen: objects upright and in the middle.
    """
    side = 2 * TILE
    canvas = np.zeros((side + 4 * REACH, side + 4 * REACH, 3), np.float32)
    weight = np.zeros_like(canvas)
    for index, tile in enumerate(tiles):
        turned = _turn(tile, float(rng.uniform(0, 360)))
        down, right = rng.integers(-JITTER, JITTER + 1, 2) + np.array(divmod(index, 2)) * TILE + REACH
        window = (slice(down, down + len(turned)), slice(right, right + len(turned)))
        canvas[window] += turned * _FADE
        weight[window] += _FADE
    inner = slice(2 * REACH, 2 * REACH + side)
    return np.asarray((canvas / weight.clip(1e-6))[inner, inner].round(), np.uint8)


def _turn(tile: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """The tile turned and widened by REACH on each side, its edge repeated outwards."""
    spare = TILE // 2
    wide = np.pad(tile, ((spare, spare), (spare, spare), (0, 0)), mode="edge")
    turned = np.asarray(PilImage.fromarray(wide).rotate(degrees, PilImage.Resampling.BICUBIC))
    cut = slice(spare - REACH, spare + TILE + REACH)
    return turned[cut, cut]


def _fade() -> NDArray[np.float32]:
    """Weight of a widened tile: 1 within, falling off steeply where it reaches under its neighbours."""
    place = np.arange(TILE + 2 * REACH, dtype=np.float32)
    edge = np.minimum(place, place[::-1]) - REACH
    line = 1 / (1 + np.exp(-edge * 6 / SEAM))
    return np.asarray(line[:, None, None] * line[None, :, None], np.float32)


_FADE = _fade()
