"""A small classifier that checks what a picture shows: shape, colour, texture, size of what is in its middle.

It judges captioner and generator; neither learns from it. Trained by `tools/micro_audit.py` on the renderer's
single-object pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synres.microworld.vocabulary import COLOURS, SHAPES, SIZES, TEXTURES
from synres.models.shipped import load_shipped

SIDE = 48
WEIGHTS = Path(__file__).parent / "weights"
FILE = "micro_audit.safetensors"
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "size": tuple(SIZES), "colour": tuple(COLOURS), "texture": TEXTURES, "shape": SHAPES,
}  # fmt: skip
"""Attribute -> its words, in the order of the classifier's outputs."""
ATTRIBUTE_OF: dict[str, str] = {word: name for name, words in ATTRIBUTES.items() for word in words}
_BATCH = 256


class MicroAudit(nn.Module):
    """(n, 3, 48, 48) float32 in [-1, 1] -> attribute -> logits (n, words of the attribute)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(3, width, 2), *_block(width, 2 * width, 2), *_block(2 * width, 4 * width, 1),
            *_block(4 * width, 4 * width, 2), nn.Flatten(), nn.Dropout(0.2),
        )  # fmt: skip
        features = 4 * width * (SIDE // 8) ** 2
        self.heads = nn.ModuleDict(
            {name: nn.Linear(features, len(words)) for name, words in ATTRIBUTES.items()}
        )

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        features = self.features(pictures)
        return {name: head(features) for name, head in self.heads.items()}


def _block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
    ]  # fmt: skip


def load_audit() -> MicroAudit:
    """The shipped classifier, ready to judge; raises BackendUnavailable as `load_shipped` does."""
    model = MicroAudit()
    model.load_state_dict(load_shipped(WEIGHTS, FILE)[0])
    return model.eval()


def pictures_to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """(n, 48, 48, 3) uint8 -> (n, 3, 48, 48) float32 in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.inference_mode()
def classify(model: MicroAudit, pictures: NDArray[np.uint8]) -> list[dict[str, str]]:
    """For each picture (n, 48, 48, 3) uint8: attribute -> the word it shows."""
    shown: list[dict[str, str]] = []
    for start in range(0, len(pictures), _BATCH):
        logits = model(pictures_to_tensor(pictures[start : start + _BATCH]))
        best = {name: values.argmax(1).tolist() for name, values in logits.items()}
        rows = len(best["shape"])
        shown += [{name: ATTRIBUTES[name][indices[i]] for name, indices in best.items()} for i in range(rows)]
    return shown


def audit(
    model: MicroAudit, pictures: NDArray[np.uint8], requested: Sequence[Mapping[str, str]]
) -> dict[str, float]:
    """Attribute -> share in [0, 1] of the pictures (n, 48, 48, 3) that show the requested word, and "all".

    `requested[i]` maps attributes to words; pictures that leave an attribute free do not count for it, and an
    attribute that nobody requested is absent.
    """
    shown = classify(model, pictures)
    hits: dict[str, list[bool]] = {}
    for seen, wanted in zip(shown, requested, strict=True):
        for name, word in wanted.items():
            hits.setdefault(name, []).append(seen[name] == word)
        hits.setdefault("all", []).append(all(seen[name] == word for name, word in wanted.items()))
    return {name: float(np.mean(values)) for name, values in hits.items()}


def requested_words(expression: str) -> dict[str, str]:
    """The attributes that an expression states: "the small red star" -> size, colour, shape."""
    return {ATTRIBUTE_OF[word]: word for word in expression.lower().split() if word in ATTRIBUTE_OF}
