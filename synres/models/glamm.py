"""GLaMM (arXiv 2311.03356), as far as referring segmentation goes: no boxes are asked about."""

from __future__ import annotations

from synres.models.res_model import ResModel
from synres.models.res_names import Layout


class GlammModel(ResModel):
    """The core with a two-layer projector (`projector_depth=2`) and SAM under `grounding_encoder`."""

    layout = Layout(
        sam_root="grounding_encoder",
        ignored={r"^model\.region_encoder\.": "reads boxes, which no expression has"},
    )
