"""Trains the micro captioner anew: `python -m tools.micro_captioner` (about 10 CPU-minutes on one thread)."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
import torch

from services.captioner.backends.micro import FILE, WEIGHTS, MicroCaptioner
from services.captioner.backends.micro_coca import END, LONGEST, START, TOKENS, MicroCoca, caption_loss
from synres.errors import RejectedItem
from synres.microworld.expressions import matches, parse_expression
from synres.microworld.render import render, single_object_picture
from synres.microworld.scene import SceneObjectSpec, random_scene
from synres.microworld.vocabulary import THING
from synres.models.micro_audit import pictures_to_tensor, requested_words
from synres.models.shipped import save_shipped
from synres.ports import ObjectView

STEPS, BATCH, LEARNING_RATE = 3000, 96, 2e-3
STATED_SHARE = {"size": 0.5, "colour": 0.6, "texture": 0.5, "shape": 0.8}
NEIGHBOURS_SHARE = 0.75


def describe(rng: np.random.Generator, spec: SceneObjectSpec) -> list[int]:
    """Token ids of a true caption that states some of the attributes, one or more."""
    stated: list[str] = []
    while not stated:
        stated = [name for name, share in STATED_SHARE.items() if rng.random() < share]
    words = [getattr(spec, name) for name in stated]
    if "shape" not in stated:
        words.append(THING)
    ids = [START, *(TOKENS.index(word) for word in words), END]
    return ids + [END] * (LONGEST - len(ids))


def batches(seed: int, steps: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Fresh pictures (BATCH, 3, 48, 48) and captions (BATCH, LONGEST), with text and without masks."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        drawn = [single_object_picture(rng, neighbours=rng.random() < NEIGHBOURS_SHARE) for _ in range(BATCH)]
        pictures = pictures_to_tensor(np.stack([picture for picture, _ in drawn]))
        ids = torch.tensor([describe(rng, spec) for _, spec in drawn])
        yield pictures.contiguous(memory_format=torch.channels_last), ids


def train(steps: int, seed: int) -> MicroCoca:
    """One-cycle AdamW in bfloat16; prints the loss now and then."""
    torch.manual_seed(seed)
    model = MicroCoca().train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps, pct_start=0.1)
    for step, (pictures, ids) in enumerate(batches(seed, steps)):
        with torch.autocast("cpu", torch.bfloat16):
            loss = caption_loss(model, pictures, ids)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return model.eval()


def measure(captioner: MicroCaptioner, seed: int, scenes: int, n: int) -> dict[str, float]:
    """On every object of fresh scenes: shares of true expressions, true words, rejections."""
    rng = np.random.default_rng(seed)
    truths: dict[str, list[bool]] = {"rejected": []}
    for _ in range(scenes):
        scene = random_scene(rng)
        image, masks = render(scene)
        for index, spec in enumerate(scene.objects):
            if masks[index].any():
                _judge(captioner, ObjectView(image, masks[index], spec.shape), spec, n, seed + index, truths)
    return {name: round(float(np.mean(values)), 3) for name, values in truths.items()}


def _judge(
    captioner: MicroCaptioner,
    view: ObjectView,
    spec: SceneObjectSpec,
    n: int,
    seed: int,
    truths: dict[str, list[bool]],
) -> None:
    try:
        expressions = captioner.caption(view, n, seed).expressions
    except RejectedItem:
        truths["rejected"].append(True)
        return
    truths["rejected"].append(False)
    for expression in expressions:
        truths.setdefault("expression", []).append(matches(spec, parse_expression(expression)))
        for name, word in requested_words(expression).items():
            truths.setdefault(name, []).append(getattr(spec, name) == word)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=21)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    model = train(arguments.steps, arguments.seed)
    print(f"trained in {time.process_time() - started:.0f} CPU-s")
    print("sha256", save_shipped(WEIGHTS, FILE, model.state_dict()))
    print("true on crops of scenes:", measure(MicroCaptioner(), 99, 60, 5))


if __name__ == "__main__":
    main()
