"""Loads a sample's picture, mask and neighbours from the ledger, as the object view that backends take."""

from __future__ import annotations

from synres.data.images import decode_image
from synres.domain.masks import decode_mask
from synres.domain.types import Sample, SceneObject
from synres.errors import RejectedItem
from synres.ledger.ledger import Ledger
from synres.ports import ObjectView, SceneMask


def load_view(ledger: Ledger, sample: Sample) -> ObjectView:
    """Raises RejectedItem for what `decode_image` refuses, `mask_size_mismatch` and `empty_mask`."""
    image = decode_image(ledger.get_blob(sample.image.digest))
    if image.shape[:2] != tuple(sample.mask.size):
        raise RejectedItem(
            "mask_size_mismatch", f"mask is {sample.mask.size}, picture {image.shape[:2]} (height, width)"
        )
    mask = decode_mask(sample.mask)
    if not mask.any():
        raise RejectedItem("empty_mask", "the mask has no foreground pixel")
    return ObjectView(image, mask, sample.category, _others(ledger, sample))


def _others(ledger: Ledger, sample: Sample) -> tuple[SceneMask, ...]:
    if sample.scene is None:
        return ()
    scene = ledger.get_rows(sample.scene.digest, SceneObject)
    others = (o for o in scene if o.mask != sample.mask and tuple(o.mask.size) == tuple(sample.mask.size))
    return tuple(SceneMask(o.category, decode_mask(o.mask)) for o in others)
