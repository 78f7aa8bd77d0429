"""LISA (arXiv 2308.00692): one conversation an expression, one [SEG] in its answer."""

from __future__ import annotations

from synres.models.res_model import ResModel
from synres.models.res_names import Layout


class LisaModel(ResModel):
    """The core as it is: one-layer projector, SAM under `visual_model`; [SEG], <im_start>, <im_end> added."""

    layout = Layout()
