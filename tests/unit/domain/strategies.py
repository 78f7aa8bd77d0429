"""Masks for property tests: small, of any shape, with runs as well as noise."""

import numpy as np
from hypothesis import strategies as st

from synres.domain.masks import encode_mask
from synres.domain.types import ArtifactRef, PseudoMask, SegmentedImage, SynthImage

IMAGE = ArtifactRef("0" * 64, 1, "image/png")
WORDS = ("red cup", "cup on the left", "small cup", "the cup", "a mug", "red mug")


@st.composite
def mask_arrays(draw, shape=None):
    """(H, W) bool up to 12 x 12: a box, noise, everything or nothing."""
    height, width = shape or draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    kind = draw(st.sampled_from(("box", "box", "noise", "full", "empty")))
    mask = np.full((height, width), kind == "full")
    if kind == "box":
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        mask[top : draw(st.integers(top + 1, height)), left : draw(st.integers(left + 1, width))] = True
    if kind == "noise":
        flips = draw(st.binary(min_size=height * width, max_size=height * width))
        mask = np.frombuffer(flips, np.uint8).reshape(height, width) % 2 == 1
    return mask


@st.composite
def mask_lists(draw, min_size=1, max_size=6):
    """Masks of one shape; copies are frequent, so that agreement of 1 and ties occur."""
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    masks = draw(st.lists(mask_arrays(shape=shape), min_size=min_size, max_size=max_size))
    copies = draw(st.lists(st.integers(0, len(masks) - 1), max_size=max_size - len(masks)))
    return masks + [masks[k] for k in copies]


def segmented(masks):
    """A segmented image with one distinct expression for each mask."""
    pseudo = tuple(PseudoMask(WORDS[i], encode_mask(mask), 0.5) for i, mask in enumerate(masks))
    size = masks[0].shape if masks else (1, 1)
    return SegmentedImage(SynthImage("item", "sample", WORDS[: len(masks)], "", IMAGE, size), pseudo)
