"""SANA (SanaPipeline, SanaSprintPipeline), or any other diffusers text-to-image pipeline, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.generator.painter import Drawn
from services.generator.painter_load import load_painter
from services.generator.painter_options import SanaOptions
from services.generator.safety import filtered_model, load_filter, refusal_of
from synres.models.folders import ModelFolder, model_info
from synres.ports import GeneratedImage, GeneratorInput

VERSION = 1


class SanaGenerator:
    """Port ImageGenerator. Pictures of the model's own size, or of the options' one; without masks."""

    needs_view = False

    def __init__(self, folder: ModelFolder, options: SanaOptions) -> None:
        """Raises BackendUnavailable for a folder that cannot be loaded, InvalidInput for options that the
        pipeline does not take, Overloaded for a GPU without room."""
        self._safety = load_filter(options.safety_filter)
        self._painter = load_painter(folder.path, options.precision)
        self._painter.check_options(options)
        self._options = options
        self.device = self._painter.device
        self.model = filtered_model(model_info("sana", VERSION, folder), self._safety)

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        """Raises RejectedItem("prompt_too_long"), and Overloaded when the GPU has no room."""
        drawn = [one for batch in self._batches(seeds) for one in self._draw(request.prompt, batch)]
        return [GeneratedImage(one.image, refusal=self._refusal(one, request.prompt)) for one in drawn]

    def _batches(self, seeds: Sequence[int]) -> Iterator[Sequence[int]]:
        size = self._options.batch_size
        return (seeds[start : start + size] for start in range(0, len(seeds), size))

    def _draw(self, prompt: str, seeds: Sequence[int]) -> list[Drawn]:
        return self._painter.draw([prompt] * len(seeds), seeds, self._options)

    def _refusal(self, drawn: Drawn, prompt: str) -> str:
        return drawn.refusal or refusal_of(self._safety, drawn.image, prompt)
