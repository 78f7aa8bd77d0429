"""Trains the audit classifier anew: `python -m tools.micro_audit` (about 7 CPU-minutes on one thread)."""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812

from synres.microworld.render import single_object_picture
from synres.microworld.scene import SceneObjectSpec
from synres.models.micro_audit import ATTRIBUTES, FILE, WEIGHTS, MicroAudit, audit, pictures_to_tensor
from synres.models.shipped import save_shipped

STEPS, BATCH, LEARNING_RATE = 2500, 96, 2e-3
Pictures = NDArray[np.uint8]


def draw(rng: np.random.Generator, count: int, neighbours: float) -> tuple[Pictures, list[SceneObjectSpec]]:
    """`count` single-object pictures (n, 48, 48, 3), a share `neighbours` of them with others beside."""
    drawn = [single_object_picture(rng, neighbours=rng.random() < neighbours) for _ in range(count)]
    return np.stack([picture for picture, _ in drawn]), [spec for _, spec in drawn]


def roughen(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Blurs a third of the pictures a little: generated ones have no grain, and are judged all the same."""
    chosen = torch.rand(len(pictures), generator=generator) < 0.33
    blurred = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = torch.rand(len(pictures), 1, 1, 1, generator=generator)
    return torch.where(chosen[:, None, None, None], pictures + share * (blurred - pictures), pictures)


def targets(specs: list[SceneObjectSpec]) -> dict[str, torch.Tensor]:
    """Attribute -> indices (n,) of the true words."""
    return {n: torch.tensor([words.index(getattr(s, n)) for s in specs]) for n, words in ATTRIBUTES.items()}


def train(steps: int, seed: int) -> MicroAudit:
    """One-cycle AdamW on fresh pictures; prints the loss now and then."""
    torch.manual_seed(seed)
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    model = MicroAudit().train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps, pct_start=0.1)
    for step in range(steps):
        pictures, specs = draw(rng, BATCH, 0.5)
        inputs = roughen(pictures_to_tensor(pictures), generator).contiguous(
            memory_format=torch.channels_last
        )
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(inputs)
        losses = [F.cross_entropy(logits[name].float(), index) for name, index in targets(specs).items()]
        loss = torch.stack(losses).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return model.eval()


def measure(model: MicroAudit, seed: int, neighbours: float) -> dict[str, float]:
    """Accuracy on 2,000 fresh pictures."""
    pictures, specs = draw(np.random.default_rng(seed), 2000, neighbours)
    return audit(model, pictures, [{name: getattr(s, name) for name in ATTRIBUTES} for s in specs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    model = train(arguments.steps, arguments.seed)
    print(f"trained in {time.process_time() - started:.0f} CPU-s")
    for neighbours in (0.0, 1.0):
        accuracy = {name: round(value, 3) for name, value in measure(model, 99, neighbours).items()}
        print(f"accuracy, neighbours {neighbours}: {accuracy}")
    print("sha256", save_shipped(WEIGHTS, FILE, model.state_dict()))


if __name__ == "__main__":
    main()
