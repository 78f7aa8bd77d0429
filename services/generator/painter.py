"""A diffusers text-to-image pipeline that draws one picture for each (prompt, seed), whatever the company.

The backend `sana` holds one in its process, Triton's python backend another: the same code draws for both.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from services.generator.painter_options import DrawOptions, check_size
from services.generator.schedulers import make_scheduler
from services.generator.tokens import check_length
from synres.errors import InvalidInput, Overloaded

_RETRY_S = 30.0
_TILED_PIXELS = 2048 * 2048
"""Above it the autoencoder works tile by tile: 4096 x 4096 pixels at once need more than any one GPU has."""
_PARAMETERS = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "negative_prompt": "negative_prompt",
    "resolution_binning": "use_resolution_binning",
}
"""Options that a pipeline may lack, by the name of its argument."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """(H, W, 3) uint8 RGB; `refusal` says why the pipeline's own safety checker blackened it, else ""."""

    image: NDArray[np.uint8]
    refusal: str = ""


class Painter:
    """`pipeline` is a loaded diffusers text-to-image pipeline. One call at a time draws, the others wait."""

    def __init__(self, pipeline: Any) -> None:
        self.device = str(pipeline.device)
        self._pipeline = pipeline
        self._arguments = set(inspect.signature(type(pipeline).__call__).parameters)
        self._stored_scheduler = pipeline.scheduler
        self._side = _trained_side(pipeline)
        self._lock = threading.Lock()
        if getattr(pipeline, "vae", None) is not None:
            _let_shortage_pass(pipeline.vae)

    def check_options(self, options: DrawOptions) -> None:
        """Raises InvalidInput for options that this pipeline does not take."""
        for name in options.draw_options():
            if _PARAMETERS.get(name, "prompt") not in self._arguments:
                raise InvalidInput(f"{type(self._pipeline).__name__} has no {name}: leave the option out")
        check_size(*self._size(options))
        make_scheduler(options.scheduler, self._stored_scheduler)

    def check_prompt(self, prompt: str, options: DrawOptions) -> None:
        """Raises RejectedItem("prompt_too_long") where the pipeline would cut the prompt without a word."""
        check_length(self._pipeline, prompt, options)

    def draw(self, prompts: Sequence[str], seeds: Sequence[int], options: DrawOptions) -> list[Drawn]:
        """One picture for each (prompt, seed), all at once.

        Raises as `check_options` and `check_prompt`, and Overloaded when the GPU has no room for so many.
        """
        self.check_options(options)
        for prompt in prompts:
            self.check_prompt(prompt, options)
        with self._lock:
            try:
                return self._draw(list(prompts), seeds, options)
            except (torch.OutOfMemoryError, _NoRoomError) as error:
                raise self._no_room(len(prompts), options) from error

    def _draw(self, prompts: list[str], seeds: Sequence[int], options: DrawOptions) -> list[Drawn]:
        self._pipeline.scheduler = make_scheduler(options.scheduler, self._stored_scheduler)
        height, width = self._size(options)
        _tile(self._pipeline, height * width > _TILED_PIXELS)
        given = self._call_arguments(options, len(prompts))
        # noise is drawn on the CPU, for each picture by itself: on any device, in any batch it is the same
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        output = self._pipeline(prompt=prompts, generator=generators, output_type="np", **given)
        flags = getattr(output, "nsfw_content_detected", None) or [False] * len(prompts)
        return [
            Drawn(_bytes_of(image), "the pipeline's safety checker took it for unsafe" if flag else "")
            for image, flag in zip(output.images, flags, strict=True)
        ]

    def _size(self, options: DrawOptions) -> tuple[int, int]:
        height, width = options.height or self._side, options.width or self._side
        if height is None or width is None:
            raise InvalidInput(
                f"{type(self._pipeline).__name__} has no size of its own: give height and width"
            )
        return height, width

    def _call_arguments(self, options: DrawOptions, count: int) -> dict[str, Any]:
        height, width = self._size(options)
        given: dict[str, Any] = {
            "num_inference_steps": options.steps,
            "guidance_scale": options.guidance,
            "height": height,
            "width": width,
            "negative_prompt": [options.negative_prompt] * count if options.negative_prompt else None,
            "max_sequence_length": options.max_sequence_length,
            "use_resolution_binning": options.resolution_binning,
        }
        given = {name: value for name, value in given.items() if value is not None}
        if not options.complex_human_instruction:
            given["complex_human_instruction"] = None
        if options.steps not in (None, 2):
            # Sprint's own default is for two steps only
            given["intermediate_timesteps"] = None
        return {name: value for name, value in given.items() if name in self._arguments}

    def _no_room(self, count: int, options: DrawOptions) -> Overloaded:
        torch.cuda.empty_cache()
        height, width = self._size(options)
        return Overloaded(
            f"the GPU has no room to draw {count} of {height} x {width} pixels at once; lower batch_size or"
            " the size, or free the GPU",
            _RETRY_S,
        )


class _NoRoomError(Exception):
    """No memory for the autoencoder."""


def _let_shortage_pass(vae: Any) -> None:
    """SANA's pipelines catch the autoencoder's torch.OutOfMemoryError, warn, and fail on a missing name."""
    decode = vae.decode

    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return decode(*args, **kwargs)
        except torch.OutOfMemoryError as error:
            raise _NoRoomError from error

    vae.decode = guarded


def _tile(pipeline: Any, wanted: bool) -> None:
    vae = getattr(pipeline, "vae", None)
    switch = getattr(vae, "enable_tiling" if wanted else "disable_tiling", None)
    if switch is not None:
        switch()


def _trained_side(pipeline: Any) -> int | None:
    """Pixels a side that the model was trained for; None when the pipeline does not say."""
    network = getattr(pipeline, "transformer", None) or getattr(pipeline, "unet", None)
    latents = getattr(getattr(network, "config", None), "sample_size", None)
    latents = latents or getattr(pipeline, "default_sample_size", None)
    return latents * int(pipeline.vae_scale_factor) if isinstance(latents, int) else None


def _bytes_of(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[0, 1] floats as bytes, rounded as diffusers rounds them."""
    if not np.isfinite(image).all():
        raise InvalidInput("the picture holds values that are no numbers: use precision bf16 or fp32")
    return np.asarray((image * 255).round(), np.uint8)
