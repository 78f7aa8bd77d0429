"""How a published LISA-like checkpoint names what `ResModel` holds, and which of its tensors nobody needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from synres.models.sam_names import published_sam_name

PEFT_PREFIX = "base_model.model."
CLIP_ROOT = "model.vision_tower.vision_tower.vision_model."

IGNORED = {
    r"\.rotary_emb\.inv_freq$": "a buffer of older transformers, computed from the configuration",
    r"\.embeddings\.position_ids$": "a buffer of older transformers, which counts the patches",
}
CLIP_IGNORED = {
    r"^(text_model|text_projection|visual_projection)\.": "CLIP's half for text, and what joins the halves",
    r"^logit_scale$": "scales CLIP's similarities",
    r"\.embeddings\.position_ids$": IGNORED[r"\.embeddings\.position_ids$"],
}


@dataclass(frozen=True, slots=True)
class Layout:
    """`sam_root`: "visual_model" for LISA and GSVA, "grounding_encoder" for GLaMM. `ignored`: patterns of
    published names that this family's code never reads, each with the reason."""

    sam_root: str = "visual_model"
    ignored: dict[str, str] = field(default_factory=dict)

    def published(self, name: str, iou_head_depth: int) -> str:
        """`name` in `ResModel.state_dict()` -> its name in an un-merged checkpoint, without prefix."""
        root, _, rest = name.partition(".")
        if root == "sam":
            return f"model.{self.sam_root}.{published_sam_name(rest, iou_head_depth)}"
        if root == "clip":
            return CLIP_ROOT + rest.removeprefix("clip.")
        if root == "text_fcs":
            return f"model.text_hidden_fcs.0.{rest}"
        if rest.startswith("projector."):
            return f"model.mm_{rest}"
        return re.sub(r"\.(lora_[AB])\.", r".\1.default.", rest.removeprefix("llm."))

    def needed(self, names: Iterable[str]) -> list[str]:
        """Those of the published `names` that are not to be ignored."""
        patterns = [*IGNORED, *self.ignored]
        return [name for name in names if not any(re.search(p, name) for p in patterns)]
