"""Which parameters of a LISA-like model its fine-tuning moves."""

from __future__ import annotations

from synres.models.res_model import ResModel

_TRAINED = (
    "llava.llm.lm_head.",
    "llava.llm.model.embed_tokens.",
    "sam.mask_decoder.",
    "text_fcs.",
)


def train_only_its_parts(model: ResModel) -> list[str]:
    """As in all three originals: adapters, vocabulary, mask decoder and the network between. Returns names.

    CLIP, the projector, SAM's encoder and the rest of the language model stay as they are.
    """
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(_TRAINED) or ".lora_" in name)
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]
