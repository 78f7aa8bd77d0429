"""ITAG on 16 masks of 1024 x 1024, run lengths in, run lengths out: at most 12 ms on one core.

    python benchmarks/itag.py

Prints the parts, in processor time, and the same work on dense arrays beside them; exits with 1 when smooth
or ragged outlines take longer. Masks of pure noise have no runs to speak of and are shown for honesty.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from synres.domain import masks
from synres.domain.itag import agreement_matrix, consensus_mask, group_expressions, itag
from synres.domain.types import ArtifactRef, GroupParams, PseudoMask, SegmentedImage, SynthImage

SIDE, MEMBERS, LIMIT_MS, ROUNDS = 1024, 16, 12.0, 30
Masks = list[NDArray[np.bool_]]


def wobbly_masks(grain: float) -> Masks:
    """Star-shaped blobs about one centre, each with its own outline, torn by noise of `grain` pixels."""
    draws = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) - SIDE / 2
    angle, radius = np.arctan2(y, x), np.hypot(y, x)
    made = []
    for _ in range(MEMBERS):
        waves = sum(draws.normal(0, 6) * np.cos(k * angle + draws.uniform(0, 6.3)) for k in range(1, 9))
        rim = 330 + draws.normal(0, 10) + waves
        made.append(radius + grain * draws.standard_normal(radius.shape, np.float32) < rim)
    return made


def timed(name: str, work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Prints and returns the median processor time of one call, in milliseconds."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append((time.process_time() - start) * 1000)
    print(f"  {name:<36}{statistics.median(spent):8.2f} ms")
    return statistics.median(spent)


def segmented(arrays: Masks) -> SegmentedImage:
    pseudo = tuple(PseudoMask(f"expression {i}", masks.encode_mask(a), 1.0) for i, a in enumerate(arrays))
    image = ArtifactRef("0" * 64, 0, "image/png")
    return SegmentedImage(SynthImage("item", "sample", (), "", image, (SIDE, SIDE)), pseudo)


def dense(arrays: Masks) -> NDArray[np.bool_]:
    """All pairs and the vote, with the masks already decoded: less than a dense program would have to do."""
    for a, b in combinations(arrays, 2):
        np.count_nonzero(a & b), np.count_nonzero(a | b)
    votes: NDArray[np.uint8] = np.sum(arrays, axis=0, dtype=np.uint8)
    return 2 * votes >= len(arrays)


def report(name: str, arrays: Masks) -> float:
    image, params = segmented(arrays), GroupParams()
    rles = [pseudo.mask for pseudo in image.pseudo_masks]
    objects = [{"size": list(rle.size), "counts": rle.counts.encode()} for rle in rles]
    agreement = agreement_matrix(image.pseudo_masks)
    runs = statistics.mean(masks.runs_of(rle).size for rle in rles)
    members = [len(group.members) for group in itag(image, params).groups]
    print(f"{name}: {MEMBERS} masks of {SIDE} x {SIDE}, {runs:,.0f} runs each, groups of {members}")
    whole = timed("itag, run lengths in and out", lambda: itag(image, params))
    timed("  pairwise IoU (sweep of the runs)", lambda: agreement_matrix(image.pseudo_masks))
    timed("  grouping", lambda: group_expressions(image.pseudo_masks, agreement, params))
    timed("  consensus (sweep of the runs)", lambda: consensus_mask(rles))
    timed("pairwise IoU by pycocotools", lambda: coco.iou(objects, objects, [0] * MEMBERS))
    timed("dense numpy, masks decoded before", lambda: dense(arrays), rounds=3)
    timed("  decoding all", lambda: [masks.decode_mask(rle) for rle in rles], rounds=3)
    timed("  encoding all", lambda: [masks.encode_mask(array) for array in arrays], rounds=3)
    return whole


def main() -> int:
    spent = [report("smooth", wobbly_masks(grain=0)), report("ragged", wobbly_masks(grain=2))]
    report("noise, where run lengths lose", wobbly_masks(grain=40))
    return int(max(spent) > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
