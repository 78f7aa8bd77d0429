"""The micro world's aligner: how well the tiny CoCa thinks an expression fits some part of a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from services.captioner.backends.micro import as_window, load_coca, to_tensor
from services.captioner.backends.micro_coca import END, LONGEST, START, TOKENS
from synres.domain.digests import digest_json
from synres.domain.types import Expression, ModelInfo
from synres.errors import InvalidInput, RejectedItem
from synres.microworld.expressions import parse_expression
from synres.microworld.vocabulary import THING
from synres.ports import Image

VERSION = 1


class MicroAligner:
    """Port Aligner. Scores are cosines in [-1, 1], of the window that fits best; places are not scored."""

    def __init__(self) -> None:
        """Raises BackendUnavailable when the shipped weights are missing or altered."""
        self._coca, weights = load_coca()
        digest = digest_json(["aligner", "micro", VERSION, weights])
        self.model = ModelInfo("micro", digest, "Apache-2.0", bitwise=True)

    @torch.inference_mode()
    def scores(self, image: Image, expressions: Sequence[Expression]) -> list[float]:
        """Raises RejectedItem("unknown_word") for a word outside the micro world."""
        if not expressions:
            return []
        vectors = self._coca.encode_image(torch.cat([to_tensor(window) for window in _windows(image)]))[0]
        texts = self._coca.encode_text(torch.tensor([_ids(expression) for expression in expressions]))[0]
        return [float(score) for score in (texts @ vectors.T).max(1).values.tolist()]


def _windows(image: Image) -> Iterator[Image]:
    """The captioner sees windows of half a picture; these overlap by three quarters."""
    height, width = image.shape[:2]
    side = max(min(height, width) // 2, 1)
    step = max(side // 4, 1)
    for top in range(0, height - side + 1, step):
        for left in range(0, width - side + 1, step):
            yield as_window(image[top : top + side, left : left + side])


def _ids(expression: Expression) -> list[int]:
    try:
        stated = parse_expression(expression)
    except InvalidInput as error:
        raise RejectedItem("unknown_word", error.message) from error
    words = [stated.size, stated.colour, stated.texture, stated.shape or THING]
    ids = [START, *(TOKENS.index(word) for word in words if word), END]
    return ids + [END] * (LONGEST - len(ids))
