"""The training loader beside a straightforward one, and beside a GPU that takes two pictures a second.

`python -m benchmarks.loader`: 3 x 3 mosaics of 1024 x 1024 pixels from nine JPEGs of 640 x 480 with three
masks each. Both decode and resize (antialiased) with Pillow; ours cuts masks from their run lengths and keeps
each in its tile until an expression asks for it. Seconds of this process's own processor time, on one core,
since other work on the machine is none of the loader's.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from PIL import Image as PillowImage
from pycocotools import mask as coco

from benchmarks.jpegs import jpeg
from services.trainer.mosaics import mosaic_of_views
from services.trainer.pictures import TargetObject, TrainingPicture, whole_view
from synres.data.ahead import ahead
from synres.data.images import decode_image
from synres.domain.masks import encode_mask
from synres.domain.mosaic import plan_mosaic
from synres.domain.seeds import rng

SIDE, TILES, MASKS = 1024, 9, 3
HEIGHT, WIDTH = 480, 640
GPU_PICTURES_S = 2.0
WORKERS = 4


def _objects(seed: int) -> tuple[TargetObject, ...]:
    """Blobs with a ragged outline."""
    dice = rng(seed, "masks")
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    found = []
    for k in range(MASKS):
        top, left = dice.uniform(0.2, 0.8, 2) * (HEIGHT, WIDTH)
        angle = np.arctan2(y - top, x - left)
        reach = dice.uniform(60, 120) * (1 + 0.2 * np.sin(9 * angle))
        blob = np.hypot(y - top, x - left) < reach
        found.append(TargetObject(encode_mask(blob), "blob", (f"the blob {k} of picture {seed}",)))
    return tuple(found)


def ours(pictures: Sequence[TrainingPicture], seed: int) -> None:
    """A mosaic and the mask of one expression of each tile."""
    layout = plan_mosaic(seed, TILES, (SIDE, SIDE))
    views = [whole_view(p, (box.height, box.width)) for p, box in zip(pictures, layout, strict=True)]
    mosaic = mosaic_of_views(views, layout, {})
    for picture in pictures:
        assert mosaic.mask(picture.objects[0].expressions[0]).any()


def straightforward(files: Sequence[bytes], pictures: Sequence[TrainingPicture], seed: int) -> None:
    """As one writes it: open, resize, paste; each mask decoded, resized and pasted as well."""
    whole = PillowImage.new("RGB", (SIDE, SIDE))
    for box, file, picture in zip(plan_mosaic(seed, TILES, (SIDE, SIDE)), files, pictures, strict=True):
        size, corner = (box.width, box.height), (box.left, box.top)
        whole.paste(PillowImage.open(io.BytesIO(file)).convert("RGB").resize(size, _SMOOTH), corner)
        for found in picture.objects:
            mask = coco.decode({"size": list(found.mask.size), "counts": found.mask.counts.encode()})
            canvas = PillowImage.new("L", (SIDE, SIDE))
            canvas.paste(PillowImage.fromarray(mask * 255).resize(size, _SMOOTH), corner)
            assert (np.asarray(canvas) > 127).any()
    np.asarray(whole)


_SMOOTH = PillowImage.Resampling.BILINEAR


def _per_second(work: Callable[[int], None], rounds: int = 15, mosaics: int = 8) -> float:
    """The best of all rounds, in seconds of this thread's processor time."""
    work(0)
    rates = []
    for _ in range(rounds):
        started_s = time.thread_time()
        for seed in range(mosaics):
            work(seed)
        rates.append(mosaics / (time.thread_time() - started_s))
    return max(rates)


def _waited_s(make: Callable[[int], None], steps: int = 20) -> float:
    """Seconds that a step of a GPU waits for its picture, on average, behind the first one."""
    waited_s = 0.0
    batches = ahead(make, range(steps + 1), WORKERS)
    next(batches)
    for _ in range(steps):
        time.sleep(1 / GPU_PICTURES_S)
        started_s = time.perf_counter()
        next(batches)
        waited_s += time.perf_counter() - started_s
    return waited_s / steps


def main() -> None:
    """Prints a small table."""
    files = [jpeg(seed, (HEIGHT, WIDTH)) for seed in range(TILES)]
    pictures = [TrainingPicture(partial(decode_image, file), _objects(k)) for k, file in enumerate(files)]
    rates = {
        "straightforward": _per_second(partial(straightforward, files, pictures)),
        "synres": _per_second(partial(ours, pictures)),
    }
    for name, rate in rates.items():
        print(f"{name:16} {rate:6.1f} mosaics/s on one core ({1000 / rate:.0f} ms each)")
    waited_s = _waited_s(partial(ours, pictures))
    print(f"{WORKERS} workers, a GPU of {GPU_PICTURES_S:g} pictures/s: it waits {waited_s * 1000:.1f} ms")


if __name__ == "__main__":
    main()
