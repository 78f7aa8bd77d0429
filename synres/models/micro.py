"""The micro RES network: one mask for one expression on a small picture, 0.43M parameters.

A convolutional encoder at strides 2, 4 and 8 with a feature pyramid reads the picture once; a one-layer
text transformer reads the expression; FiLM lets the text choose channels; every place then competes with
all others; a head at full resolution draws the mask. Expressions of one picture share its encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from synres.errors import ArtifactCorrupt
from synres.models.micro_words import BUCKETS, MAX_WORDS, padded_word_ids
from synres.models.picture_rows import split_pictures
from synres.models.shipped import load_shipped

WEIGHTS = Path(__file__).parent / "weights"
BASE = "micro_res.safetensors"
TEXT_WIDTH = 64


class Encoding(NamedTuple):
    """What the encoder hands to the head: (B, 64, H/4, W/4), (B, 24, H/2, W/2) and (B, 8, H, W)."""

    quarter: Tensor
    half: Tensor
    full: Tensor


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(layer, nn.GroupNorm(8, outputs), nn.ReLU(inplace=True))


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width)
        self.second = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class TextEncoder(nn.Module):
    """(B, T) word ids, 0 for padding -> (B, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(BUCKETS, TEXT_WIDTH)
        self.places = nn.Parameter(torch.zeros(MAX_WORDS, TEXT_WIDTH))
        self.attend = nn.MultiheadAttention(TEXT_WIDTH, 4, batch_first=True)
        self.norm = nn.LayerNorm(TEXT_WIDTH)
        self.think = nn.Sequential(nn.Linear(TEXT_WIDTH, 128), nn.ReLU(), nn.Linear(128, TEXT_WIDTH))

    def forward(self, ids: Tensor) -> Tensor:
        absent = ids == 0
        x = self.words(ids) + self.places[: ids.shape[1]]
        attended, _ = self.attend(x, x, x, key_padding_mask=absent, need_weights=False)
        x = self.norm(x + attended)
        x = x + self.think(x)
        present = (~absent).unsqueeze(-1).to(x.dtype)
        found: Tensor = (x * present).sum(1) / present.sum(1).clamp(min=1)
        return found


class ImageEncoder(nn.Module):
    """(B, 3, H, W) in [0, 1] -> `Encoding`. The export to ONNX hands in `coordinates` of its own."""

    coordinates: Callable[[Tensor], Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.coordinates = _coordinates
        self.at_full = nn.Conv2d(3, 8, 3, 1, 1)
        self.at_half = nn.Sequential(_conv(3, 24, 2), _Residual(24))
        self.at_quarter = nn.Sequential(_conv(24, 48, 2), _Residual(48))
        self.at_eighth = nn.Sequential(_conv(48, 80, 2), _Residual(80))
        self.from_eighth = nn.Conv2d(80, 64, 1)
        self.from_quarter = nn.Conv2d(48, 62, 1)
        self.smooth = _conv(64, 64)

    def forward(self, images: Tensor) -> Encoding:
        images = images - 0.5
        half = self.at_half(images)
        quarter = self.at_quarter(half)
        top = F.interpolate(self.from_eighth(self.at_eighth(quarter)), scale_factor=2.0)
        side = torch.cat([self.from_quarter(quarter), self.coordinates(quarter)], 1)
        return Encoding(self.smooth(top + side), half, self.at_full(images))


def _coordinates(like: Tensor) -> Tensor:
    batch, _, height, width = like.shape
    ys = torch.linspace(-1, 1, height).view(1, 1, height, 1).expand(batch, 1, height, width)
    xs = torch.linspace(-1, 1, width).view(1, 1, 1, width).expand(batch, 1, height, width)
    return torch.cat([xs, ys], 1)


class _Film(nn.Module):
    """Text scales and shifts channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(TEXT_WIDTH, 2 * width)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        scale, shift = self.project(text)[..., None, None].chunk(2, dim=1)
        return F.relu(x * (1 + scale) + shift)


class MaskHead(nn.Module):
    """`Encoding` (one row for each expression) and text (B, 64) -> logits (B, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.film_quarter, self.film_late, self.film_half = _Film(64), _Film(64), _Film(24)
        self.mix, self.refine = _conv(64, 64), _conv(64, 40)
        self.rival = nn.Conv2d(64, 1, 1)
        self.compare = nn.Linear(64, 64)
        self.blend = _conv(64, 24)
        self.draw = nn.Conv2d(24, 32, 1)
        self.logit = nn.Conv2d(8, 1, 3, 1, 1)

    def forward(self, encoding: Encoding, text: Tensor) -> Tensor:
        x = self.mix(self.film_quarter(encoding.quarter, text))
        x = self.refine(self.film_late(x + self._competition(x), text))
        x = F.interpolate(x, scale_factor=2.0)
        x = self.blend(torch.cat([x, self.film_half(encoding.half, text)], 1))
        x = F.relu(F.pixel_shuffle(self.draw(x), 2) + encoding.full)
        found: Tensor = self.logit(x)[:, 0]
        return found

    def _competition(self, x: Tensor) -> Tensor:
        """What the strongest places of the picture look like, told to every place: (B, 64, 1, 1)."""
        weight = self.rival(x).flatten(2).softmax(-1)
        strongest = torch.bmm(x.flatten(2), weight.transpose(1, 2))[..., 0]
        found: Tensor = self.compare(strongest)[..., None, None]
        return found


class MicroRes(nn.Module):
    """Pictures and expressions -> mask logits."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.text, self.head = ImageEncoder(), TextEncoder(), MaskHead()

    def tokenize(self, expressions: Sequence[str]) -> Tensor:
        """(B, T) int64 word ids, 0 for padding; T is the longest expression's length, at most 12."""
        return torch.from_numpy(padded_word_ids(expressions))

    def encode_image(self, images: Tensor) -> Encoding:
        """(B, 3, H, W) float in [0, 1], sides multiples of 8."""
        encoding: Encoding = self.image(images)
        return encoding

    def forward(self, images: Tensor, token_ids: Tensor, owners: Tensor | None = None) -> Tensor:
        """Logits (B, H, W) for (B, T) token ids. `images` is (B, 3, H, W), or (I, 3, H, W) with `owners`
        (B,) int64 naming each expression's picture."""
        encoding = self.encode_image(images)
        if owners is not None:
            encoding = Encoding(*(part[owners] for part in encoding))
        logits: Tensor = self.head(encoding, self.text(token_ids))
        return logits

    @torch.inference_mode()
    def chances(self, pixels: NDArray[np.float32], token_ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Foreground probabilities (n, H, W) for one picture (1, 3, H, W) and (n, T) token ids. Puts the
        network in eval mode."""
        self.eval()
        images = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
        owners = torch.zeros(len(token_ids), dtype=torch.long)
        found: NDArray[np.float32] = self(images, torch.from_numpy(token_ids), owners).sigmoid().numpy()
        return found

    @torch.inference_mode()
    def encodings(self, pixels: NDArray[np.float32]) -> list[Encoding]:
        """One for each picture of (B, 3, H, W). Puts the network in eval mode."""
        self.eval()
        images = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
        return [Encoding(*own) for own in split_pictures(self.encode_image(images))]

    @torch.inference_mode()
    def chances_of(
        self, encodings: Sequence[Encoding], token_ids: NDArray[np.int64], owners: Sequence[int]
    ) -> NDArray[np.float32]:
        """Foreground probabilities (n, H, W) for (n, T) token ids; `owners` (n,) name their encodings."""
        joined = Encoding(*(torch.cat(part)[list(owners)] for part in zip(*encodings, strict=True)))
        text = self.text(torch.from_numpy(token_ids))
        found: NDArray[np.float32] = self.head(joined, text).sigmoid().numpy()
        return found

    def loss(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Mean over expressions of pixel cross-entropy plus soft Dice; logits and masks (B, H, W), masks
        in [0, 1]."""
        pixels = F.binary_cross_entropy_with_logits(logits, masks, reduction="none").mean((1, 2))
        chance = logits.sigmoid()
        overlap = 2 * (chance * masks).sum((1, 2)) + 1
        dice = 1 - overlap / (chance.sum((1, 2)) + masks.sum((1, 2)) + 1)
        return (pixels + dice).mean()


def load_micro_res(data: bytes | None = None) -> MicroRes:
    """The network with the weights of these safetensors bytes, or with the shipped base; in eval mode.

    Raises BackendUnavailable if the shipped base is missing or altered, ArtifactCorrupt for bytes that are
    not this network's weights.
    """
    model = MicroRes().to(memory_format=torch.channels_last)
    try:
        found = load(data) if data is not None else load_shipped(WEIGHTS, BASE)[0]
        if strange := sorted(found.keys() ^ model.state_dict().keys()):
            raise RuntimeError(f"{len(strange)} tensors are missing or another network's, as {strange[0]}")
        model.load_state_dict(found)
    except (RuntimeError, SafetensorError) as error:
        told = " ".join(str(error).split())[:300]
        raise ArtifactCorrupt(
            f"these bytes are not weights of the micro RES network: {told}; name the backend they are for"
        ) from error
    return model.eval()


def save_micro_res(model: MicroRes) -> bytes:
    """safetensors in float32 without metadata: equal weights give equal bytes."""
    return save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})
