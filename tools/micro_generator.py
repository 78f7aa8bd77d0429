"""Trains the micro generator anew: `python -m tools.micro_generator` (about 11 CPU-minutes on one thread)."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from services.generator.backends.micro import FILE, GUIDANCE, SHIFT, STEPS, WEIGHTS
from services.generator.backends.micro_sana import (
    SIDE,
    MicroSana,
    flow_loss,
    sample_pictures,
    word_ids,
)  # fmt: skip
from synres.microworld.render import render
from synres.microworld.scene import Attributes, Scene, moved, place, random_attributes
from synres.models.micro_audit import ATTRIBUTES, audit, load_audit, pictures_to_tensor
from synres.models.shipped import save_shipped

TRAINING_STEPS, BATCH, LEARNING_RATE = 2500, 64, 1.5e-3
POOL_SIZE = 40_000
"""Pictures drawn once and shown again and again: drawing them anew would cost a tenth of the training."""
EMPTY_SHARE = 0.1
EMA_DECAY = 0.999


def photograph(rng: np.random.Generator) -> tuple[NDArray[np.uint8], Attributes]:
    """An object as people take pictures of one: alone, upright and in the middle. Image (48, 48, 3) uint8."""
    item = random_attributes(rng)
    spec = replace(moved(place(rng, [item], side=SIDE).objects[0], SIDE / 2, SIDE / 2), angle=0.0)
    image, _ = render(Scene((spec,), int(rng.integers(2**31)), side=SIDE))
    return image, item


class Pictures:
    """Single-object pictures with what is in them, and no masks."""

    def __init__(self, seed: int, count: int) -> None:
        self.rng = np.random.default_rng(seed)
        drawn = [photograph(self.rng) for _ in range(count)]
        self.pictures: NDArray[np.uint8] = np.stack([picture for picture, _ in drawn])
        self.items = [item for _, item in drawn]

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures (size, 3, 48, 48) and their prompts (size, 4), one in ten of them empty."""
        chosen = self.rng.integers(len(self.pictures), size=size)
        pictures = pictures_to_tensor(self.pictures[chosen])
        prompts = word_ids([self.items[i] for i in chosen])
        prompts[torch.from_numpy(self.rng.random(size) < EMPTY_SHARE)] = 0
        return pictures, prompts


def learning_rate(step: int, steps: int) -> float:
    """Share of the peak: warm-up over 200 steps, then a cosine to nought."""
    return min(1.0, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * step / steps))


def train(steps: int, seed: int) -> MicroSana:
    """AdamW in bfloat16 with a moving average of the weights, which is what is returned."""
    torch.manual_seed(seed)
    data, model = Pictures(seed, POOL_SIZE), MicroSana()
    model.codec.fit(pictures_to_tensor(data.pictures[:1000]))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY), use_buffers=False)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate(step, steps))
    mean_loss = 0.0
    for step in range(steps):
        pictures, prompts = data.batch(BATCH)
        latents = model.codec.encode(pictures)
        sigma = torch.sigmoid(torch.randn(BATCH) + 0.4)
        with torch.autocast("cpu", torch.bfloat16):
            loss = flow_loss(model, latents, prompts, sigma, torch.randn_like(latents))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(model)
        mean_loss += loss.item() / 500
        if step % 500 == 499:
            print(f"step {step + 1}: mean loss {mean_loss:.4f}, {time.process_time():.0f} CPU-s", flush=True)
            mean_loss = 0.0
    return average.module.eval()


def measure(
    model: MicroSana, seed: int, count: int, steps: int, guidance: float, shift: float
) -> dict[str, float]:
    """Share of `count` generated pictures that show each requested attribute, as the audit sees them."""
    rng = np.random.default_rng(seed)
    wanted = [random_attributes(rng) for _ in range(count)]
    requested = [{name: str(getattr(one, name)) for name in ATTRIBUTES} for one in wanted]
    prompts = word_ids(wanted)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, *model.latent_shape, generator=generator)
    pictures = sample_pictures(model, prompts, noise, steps, torch.full((count,), guidance), shift)
    shown = ((pictures + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    return {name: round(share, 3) for name, share in audit(load_audit(), shown, requested).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=TRAINING_STEPS)
    parser.add_argument("--seed", type=int, default=31)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = train(arguments.steps, arguments.seed)
    print(
        f"trained in {time.process_time():.0f} CPU-s, sha256", save_shipped(WEIGHTS, FILE, model.state_dict())
    )
    print("requested attribute shown:", measure(model, 99, 1024, STEPS, GUIDANCE, SHIFT))


if __name__ == "__main__":
    main()
