"""SANA in Triton: pictures are asked for all at once, and Triton makes batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from services.generator.painter_options import TritonOptions
from services.generator.safety import filtered_model, load_filter, refusal_of
from services.generator.settings import TritonSettings
from services.generator.triton_client import TritonClient
from services.generator.triton_places import Places
from synres.errors import ModelMismatch, RejectedItem
from synres.ports import FILTERED, GeneratedImage, GeneratorInput

_NOTHING = np.zeros((1, 1, 3), np.uint8)


class TritonGenerator:
    """Port ImageGenerator. What draws is what stands behind `model_name` in Triton."""

    needs_view = False
    thread_safe = True

    def __init__(self, model_name: str, options: TritonOptions, settings: TritonSettings) -> None:
        """Raises ServiceUnavailable unless Triton has the model ready, InvalidInput for bad options."""
        self._safety = load_filter(options.safety_filter)
        self._options, self._settings = options, settings
        self._client = TritonClient(model_name, settings)
        self._client.require_ready(wait_s=0)
        self._drawing_model = self._client.model(options)
        self.model = filtered_model(self._drawing_model, self._safety)
        self._places = Places(settings.triton_max_in_flight)

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        """Waits for a Triton that is being started again.

        Raises RejectedItem("prompt_too_long"), Overloaded when too many pictures wait already,
        ServiceUnavailable when Triton dies, ModelMismatch when it comes back with another model.
        """
        if not seeds:
            return []
        with self._places.take(len(seeds)) as places, ThreadPoolExecutor(places) as pool:
            self._client.require_ready(self._settings.triton_return_s)
            return list(pool.map(partial(self._picture, request.prompt), seeds))

    def _picture(self, prompt: str, seed: int) -> GeneratedImage:
        try:
            image, model = self._client.draw(prompt, seed, self._options)
        except RejectedItem as rejected:
            if rejected.reason != FILTERED:
                raise
            return GeneratedImage(_NOTHING, refusal=rejected.message)
        if model != self._drawing_model:
            raise ModelMismatch(
                f"Triton now draws with {model.name} {model.digest[:12]}, and not with the"
                f" {self._drawing_model.digest[:12]} that was planned: start the generator again"
            )
        return GeneratedImage(image, refusal=refusal_of(self._safety, image, prompt))
