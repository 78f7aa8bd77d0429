"""Trains the micro RES base anew: `python -m tools.micro_res` (about 5 CPU-minutes on one thread).

It sees the biased real training set alone, without augmentation: what it cannot do is what the method is
measured by. Training is stopped early, since longer training raises its own validation and not the shifted
domains.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from synres.microworld.datasets import Picture, benchmark, real_training_set, real_validation
from synres.models.micro import BASE, WEIGHTS, MicroRes
from synres.models.micro_predict import predict
from synres.models.shipped import save_shipped

STEPS, BATCH, LEARNING_RATE, WARMUP = 900, 16, 2e-3, 50
DATA_SEED, IMAGES = 7, 1000


def batches(pictures: Sequence[Picture], steps: int, seed: int) -> Iterator[list[Picture]]:
    """Every picture once in each epoch, in an order of its own."""
    rng = np.random.default_rng(seed)
    order: list[int] = []
    for _ in range(steps):
        if len(order) < BATCH:
            order = rng.permutation(len(pictures)).tolist()
        yield [pictures[order.pop()] for _ in range(BATCH)]


def loss_of(model: MicroRes, batch: Sequence[Picture]) -> torch.Tensor:
    """All expressions of the pictures; those of one picture share its encoding."""
    images = (
        torch.from_numpy(np.stack([picture.image for picture in batch])).permute(0, 3, 1, 2).float() / 255
    )
    found = [(k, one) for k, picture in enumerate(batch) for one in picture.expressions]
    owners = torch.tensor([k for k, _ in found])
    masks = torch.from_numpy(np.stack([one.mask for _, one in found])).float()
    words = model.tokenize([one.expression for _, one in found])
    return model.loss(model(images.contiguous(memory_format=torch.channels_last), words, owners), masks)


def train(steps: int, seed: int, images: int) -> MicroRes:
    """AdamW with warm-up and half a cosine; prints the loss now and then."""
    torch.manual_seed(seed)
    model = MicroRes().train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.01)
    rate = lambda step: min(1.0, (step + 1) / WARMUP) * 0.5 * (1 + math.cos(math.pi * step / steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    pictures = list(real_training_set(DATA_SEED, images))
    for step, batch in enumerate(batches(pictures, steps, seed)):
        loss = loss_of(model, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return model.eval()


def giou(model: MicroRes, pictures: Sequence[Picture]) -> float:
    """Mean IoU over all expressions, in percent."""
    ious = []
    for picture in pictures:
        chances = predict(model.chances, picture.image, [one.expression for one in picture.expressions])
        for chance, one in zip(chances, picture.expressions, strict=True):
            mask = chance > 0.5
            ious.append((mask & one.mask).sum() / (mask | one.mask).sum())
    return 100 * float(np.mean(ious))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=IMAGES)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = train(arguments.steps, arguments.seed, arguments.images)
    print(f"trained in {time.process_time():.0f} CPU-s")
    print(f"real validation gIoU {giou(model, list(real_validation(DATA_SEED, 100))):.1f}")
    print(
        f"benchmark (dev, in domain) gIoU {giou(model, list(benchmark(DATA_SEED, 'dev', 100, ('day',)))):.1f}"
    )
    print("sha256", save_shipped(WEIGHTS, BASE, model.state_dict()))


if __name__ == "__main__":
    main()
