"""A tiny CoCa (contrastive captioner; Yu et al. 2022, arXiv 2205.01917): one image encoder with attentional
pooling, a text decoder whose first layer sees text only and whose second also sees the image, and a
contrastive head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from services.captioner.backends.coca_decoding import draw_nucleus
from synres.microworld.vocabulary import COLOURS, SHAPES, SIZES, TEXTURES, THING

SIDE = 48
TOKENS: tuple[str, ...] = ("<start>", "<end>", "<pool>", *SIZES, *COLOURS, *TEXTURES, *SHAPES, THING)
START, END, POOL = 0, 1, 2
LONGEST = 6
"""Tokens of the longest caption: four words between <start> and <end>."""


class MicroCoca(nn.Module):
    """`width` channels in the joint space; `heads` attention heads; `queries` image tokens for text."""

    def __init__(self, width: int = 96, heads: int = 4, queries: int = 8) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *_block(3, 32, 2), *_block(32, 64, 2), *_block(64, 96, 1), *_block(96, width, 2)
        )
        self.places = nn.Parameter(torch.zeros(1, (SIDE // 8) ** 2, width))
        self.queries = nn.Parameter(torch.randn(1, 1 + queries, width) * 0.02)
        self.pool = nn.MultiheadAttention(width, heads, batch_first=True)
        self.pool_norm = nn.LayerNorm(width)
        self.words = nn.Embedding(len(TOKENS), width)
        self.positions = nn.Parameter(torch.randn(1, LONGEST + 1, width) * 0.02)
        self.text_layer = nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, F.gelu, 1e-5, True, True)
        self.joint_layer = nn.TransformerDecoderLayer(width, heads, 2 * width, 0.0, F.gelu, 1e-5, True, True)
        self.to_words = nn.Linear(width, len(TOKENS))
        self.image_head = nn.Linear(width, width, bias=False)
        self.text_head = nn.Linear(width, width, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(2.0))

    def encode_image(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, 48, 48) in [-1, 1] -> unit vectors (n, width), tokens for the text (n, queries, width)."""
        grid = self.encoder(pictures).flatten(2).transpose(1, 2) + self.places
        queries = self.queries.expand(len(pictures), -1, -1)
        pooled = self.pool_norm(self.pool(queries, grid, grid, need_weights=False)[0])
        return F.normalize(self.image_head(pooled[:, 0]), dim=-1), pooled[:, 1:]

    def encode_text(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """ids (n, t) int64, padded with <end> -> unit vectors (n, width), token features (n, t, width).

        <pool> is put behind the text, where causal attention sees all of it.
        """
        ids = torch.cat([ids, torch.full_like(ids[:, :1], POOL)], 1)
        length = ids.shape[1]
        positions = torch.cat([self.positions[:, : length - 1], self.positions[:, -1:]], 1)
        features = self.text_layer(self.words(ids) + positions, causal_mask(length), is_causal=True)
        return F.normalize(self.text_head(features[:, -1]), dim=-1), features[:, :-1]

    def next_words(self, text: Tensor, image: Tensor) -> Tensor:
        """Token features (n, t, width) of both -> logits (n, t, words) of each next word."""
        joint = self.joint_layer(text, image, causal_mask(text.shape[1]), tgt_is_causal=True)
        return self.to_words(joint)


def causal_mask(length: int) -> Tensor:
    """(length, length): -inf above the diagonal."""
    return torch.full((length, length), float("-inf")).triu(1)


def _block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
    ]  # fmt: skip


def caption_loss(model: MicroCoca, pictures: Tensor, ids: Tensor, weight: float = 2.0) -> Tensor:
    """`weight` x captioning loss + symmetric contrastive loss over the batch (equation 4 of the paper)."""
    image_vectors, image_tokens = model.encode_image(pictures)
    text_vectors, text_tokens = model.encode_text(ids)
    logits = model.next_words(text_tokens[:, :-1], image_tokens).flatten(0, 1)
    wanted, told = ids[:, 1:].flatten(), ids[:, :-1].flatten() != END
    captioning = F.cross_entropy(logits[told].float(), wanted[told])
    likeness = image_vectors.float() @ text_vectors.float().T * model.log_scale.exp().clamp(max=50)
    own = torch.arange(len(likeness))
    contrastive = (F.cross_entropy(likeness, own) + F.cross_entropy(likeness.T, own)) / 2
    return weight * captioning + contrastive


@torch.inference_mode()
def sample_captions(
    model: MicroCoca,
    image_tokens: Tensor,
    count: int,
    generator: torch.Generator,
    top_p: float,
    temperature: float,
) -> Tensor:
    """`count` captions of one picture by nucleus sampling (Holtzman et al. 2019): ids (count, LONGEST) int64.

    `image_tokens` is (1, queries, width). Finished rows go on with <end>.
    """
    ids = torch.full((count, 1), START)
    tokens = image_tokens.expand(count, -1, -1)
    while ids.shape[1] < LONGEST and not bool((ids[:, -1] == END).all()):
        logits = model.next_words(model.encode_text(ids)[1], tokens)[:, -1] / temperature
        chosen = draw_nucleus(logits.softmax(-1), top_p, generator)
        ids = torch.cat([ids, torch.where(ids[:, -1:] == END, END, chosen)], 1)
    return F.pad(ids, (0, LONGEST - ids.shape[1]), value=END)
