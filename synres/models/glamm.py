"""GLaMM (arXiv 2311.03356), as far as referring segmentation goes: no boxes are asked about."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from synres.models.res_model import ResModel
from synres.models.res_names import Layout
from synres.models.res_types import TrainingBatch


class GlammModel(ResModel):
    """The core with a two-layer projector (`projector_depth=2`) and SAM under `grounding_encoder`."""

    layout = Layout(
        sam_root="grounding_encoder",
        ignored={r"^model\.region_encoder\.": "reads boxes, which no expression has"},
    )
    drops_targets = True

    def training_targets(self, batch: TrainingBatch, logits: Sequence[Tensor]) -> Sequence[Tensor]:
        """As many as have a [SEG]: fewer only where the collation was allowed to cut answers."""
        return [masks[: len(drawn)] for masks, drawn in zip(batch.masks, logits, strict=True)]
