"""A tiny SANA (Xie et al. 2024, arXiv 2410.10629): diffusers' own linear-attention transformer and scheduler
over a patch-wise PCA latent, with a small text encoder. Flow matching; the network predicts the clean
latent, from which the velocity follows (Li and He 2025, arXiv 2511.13720).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SanaTransformer2DModel
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from synres.microworld.scene import Attributes
from synres.microworld.vocabulary import COLOURS, SHAPES, SIZES, TEXTURES

SIDE, PATCH = 48, 8
GRID = SIDE // PATCH
WORDS: tuple[str, ...] = ("<none>", *SIZES, *COLOURS, *TEXTURES, *SHAPES)
"""Four times "<none>" is the empty prompt of classifier-free guidance."""
PROMPT_WORDS = 4
NEAREST_SIGMA = 0.02
"""The velocity divides by sigma; below this it would only amplify rounding."""


class PatchCodec(nn.Module):
    """PCA of 8 x 8 patches, components scaled towards equal variance. Holds buffers only."""

    mean: Tensor
    components: Tensor
    scale: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3 * PATCH**2))
        self.register_buffer("components", torch.zeros(3 * PATCH**2, channels))
        self.register_buffer("scale", torch.ones(channels))

    def fit(self, pictures: Tensor) -> None:
        """From pictures (n, 3, 48, 48) in [-1, 1]."""
        patches = _to_patches(pictures).flatten(0, 1)
        self.mean.copy_(patches.mean(0))
        _, deviations, axes = torch.linalg.svd(patches - self.mean, full_matrices=False)
        channels = self.components.shape[1]
        deviations = deviations[:channels] / len(patches) ** 0.5
        self.components.copy_(axes[:channels].T)
        self.scale.copy_((deviations * deviations.mean()).sqrt())

    def encode(self, pictures: Tensor) -> Tensor:
        """(n, 3, 48, 48) in [-1, 1] -> (n, channels, 6, 6)."""
        latents = (_to_patches(pictures) - self.mean) @ self.components / self.scale
        return latents.transpose(1, 2).unflatten(2, (GRID, GRID))

    def decode(self, latents: Tensor) -> Tensor:
        """The inverse, up to what the dropped components held; not clipped."""
        patches = (latents.flatten(2).transpose(1, 2) * self.scale) @ self.components.T + self.mean
        return F.fold(patches.transpose(1, 2), SIDE, PATCH, stride=PATCH)


def _to_patches(pictures: Tensor) -> Tensor:
    return F.unfold(pictures, PATCH, stride=PATCH).transpose(1, 2)


class MicroSana(nn.Module):
    """Text encoder, transformer and latent codec; `codec` must be fitted or loaded before use."""

    def __init__(self, width: int = 128, layers: int = 4, channels: int = 64, text_width: int = 64) -> None:
        super().__init__()
        self.latent_shape = (channels, GRID, GRID)
        self.codec = PatchCodec(channels)
        self.words = nn.Embedding(len(WORDS), text_width)
        self.places = nn.Parameter(torch.randn(1, PROMPT_WORDS, text_width) * 0.02)
        self.text_layer = nn.TransformerEncoderLayer(
            text_width, 4, 2 * text_width, 0.0, F.gelu, 1e-5, batch_first=True, norm_first=True
        )
        self.beside = nn.Linear(PROMPT_WORDS * text_width, 32)
        self.transformer = SanaTransformer2DModel(
            in_channels=channels + 32, out_channels=channels, num_layers=layers,
            num_attention_heads=width // 32, attention_head_dim=32,
            num_cross_attention_heads=width // 32, cross_attention_head_dim=32, cross_attention_dim=width,
            caption_channels=text_width, mlp_ratio=2.5, sample_size=GRID, patch_size=1, interpolation_scale=1,
        )  # fmt: skip

    def forward(self, latents: Tensor, sigma: Tensor, prompts: Tensor) -> Tensor:
        """Noisy latents (n, c, 6, 6), sigma (n,) in [0, 1], word ids (n, 4) -> the clean latents it expects.

        Besides cross-attention the prompt lies beside every latent as 32 more channels.
        """
        text = self.text_layer(self.words(prompts) + self.places)
        beside = self.beside(text.flatten(1))[:, :, None, None].expand(-1, -1, GRID, GRID)
        return self.transformer(torch.cat([latents, beside], 1), text, sigma * 1000, return_dict=False)[0]


def flow_loss(model: MicroSana, latents: Tensor, prompts: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
    """Flow-matching loss of the velocity, its weight 1 / sigma^2 capped at small sigma."""
    mixed = torch.lerp(latents, noise, sigma[:, None, None, None])
    error = (model(mixed, sigma, prompts).float() - latents).square().mean((1, 2, 3))
    return (error / sigma.clamp(min=0.2).square()).mean()


@torch.inference_mode()
def sample_pictures(
    model: MicroSana, prompts: Tensor, noise: Tensor, steps: int, guidance: Tensor, shift: float
) -> Tensor:
    """Pictures (n, 3, 48, 48) in [-1, 1] by Euler steps from `noise` (n, c, 6, 6).

    `guidance` (n,) is the scale of classifier-free guidance; rows of scale 1 need no second pass.
    """
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(steps)
    guided = (guidance != 1).nonzero()[:, 0]
    rows = torch.cat([torch.arange(len(noise)), guided])
    words = torch.cat([prompts, torch.zeros_like(prompts[guided])])
    scale = guidance[guided, None, None, None]
    latents = noise
    for timestep in scheduler.timesteps:
        sigma = timestep / 1000
        clean, free = model(latents[rows], sigma.expand(len(rows)), words).split([len(noise), len(guided)])
        clean = clean.index_copy(0, guided, torch.lerp(free, clean[guided], scale))
        velocity = (latents - clean) / sigma.clamp(min=NEAREST_SIGMA)
        latents = scheduler.step(velocity, timestep, latents).prev_sample
    return model.codec.decode(latents).clamp(-1, 1)


def word_ids(prompts: Sequence[Attributes]) -> Tensor:
    """What each picture is to show -> (n, 4) int64: size, colour, texture, shape."""
    return torch.tensor([[WORDS.index(w) for w in (p.size, p.colour, p.texture, p.shape)] for p in prompts])
