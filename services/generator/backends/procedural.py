"""The micro world's renderer behind the ImageGenerator port: the declared upper bound, with exact masks."""

from __future__ import annotations

from collections.abc import Sequence

from synres.domain.digests import digest_json
from synres.domain.types import ModelInfo
from synres.errors import InvalidInput, RejectedItem
from synres.microworld.procedural import ATTRIBUTE_FAILURE_SHARE, render_prompt
from synres.ports import GeneratedImage, GeneratorInput

_CODE_VERSION = 2


class ProceduralGenerator:
    """Draws what the expressions say, 8% of the attributes wrong; no text-to-image model."""

    thread_safe = True
    needs_view = False
    model = ModelInfo(
        "procedural",
        digest_json(["procedural", _CODE_VERSION, ATTRIBUTE_FAILURE_SHARE]),
        "Apache-2.0",
        bitwise=True,
    )

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        """Pictures of 96 x 96 pixels; raises RejectedItem("unknown_word") for a word outside the micro
        world."""
        try:
            drawn = [render_prompt(request.expressions, seed) for seed in seeds]
        except InvalidInput as error:
            raise RejectedItem("unknown_word", error.message) from error
        return [GeneratedImage(image, masks) for image, masks in drawn]
