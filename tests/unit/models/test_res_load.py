"""A checkpoint either fits to the last tensor, or is refused in one sentence."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from synres.errors import InvalidInput
from synres.models.lisa import LisaModel
from synres.models.res_config import res_sizes
from synres.models.res_load import load_published
from tests.unit.models.res_parity import Fixture, validate_differences

LISA = Fixture("lisa")
SIZES = LISA.sizes("lisa_merged_hf/config")
Q_PROJ = "model.layers.0.self_attn.q_proj.weight"


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    return LISA.weights("lisa_merged_hf/pytorch_model.bin")


def test_a_missing_tensor_is_named(tensors: dict[str, Tensor]) -> None:
    """By its published name."""
    del tensors[Q_PROJ]
    with pytest.raises(InvalidInput, match=f"the checkpoint misses {Q_PROJ}$"):
        load_published(LisaModel, SIZES, tensors, LISA.clip)


def test_an_unexpected_tensor_is_named(tensors: dict[str, Tensor]) -> None:
    """Nothing is dropped in silence, apart from what the code names with its reason."""
    tensors["model.novelty.weight"] = torch.zeros(1)
    with pytest.raises(InvalidInput, match=r"the checkpoint has unexpected model\.novelty\.weight$"):
        load_published(LisaModel, SIZES, tensors, LISA.clip)


def test_a_tensor_of_another_shape_is_named(tensors: dict[str, Tensor]) -> None:
    """With both shapes: usually the configuration is of another model."""
    tensors[Q_PROJ] = torch.zeros(2, 3)
    with pytest.raises(InvalidInput, match=r"q_proj\.weight \(2, 3\) for \(64, 64\)"):
        load_published(LisaModel, SIZES, tensors, LISA.clip)


def test_a_merged_checkpoint_without_clip_says_so(tensors: dict[str, Tensor]) -> None:
    """Many missing names are counted and not all listed."""
    with pytest.raises(InvalidInput, match=r"misses model\.vision_tower.* and \d+ more$"):
        load_published(LisaModel, SIZES, tensors)


def test_a_whole_clip_gives_its_picture_half(tensors: dict[str, Tensor]) -> None:
    """The published CLIP folder holds the text half as well, which nobody asks for."""
    whole = LISA.clip | {
        "text_model.embeddings.token_embedding.weight": torch.zeros(1),
        "vision_model.embeddings.position_ids": torch.arange(257)[None],
        "visual_projection.weight": torch.zeros(1),
        "text_projection.weight": torch.zeros(1),
        "logit_scale": torch.zeros(()),
    }
    assert validate_differences(load_published(LisaModel, SIZES, tensors, whole), LISA) == []


def test_half_precision_leaves_the_positions_exact(tensors: dict[str, Tensor]) -> None:
    """Weights of mixed precision become one; the masks stay near, the rotary angles stay float32."""
    model = load_published(LisaModel, SIZES, tensors, LISA.clip, dtype=torch.bfloat16)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert model.llava.llm.model.rotary_emb.inv_freq.dtype == torch.float32
    encoding = LISA.encoding(model, 0)
    vectors = LISA.tensors("validate")["three_expressions.seg_embeddings"]
    expected = LISA.tensors("validate")["three_expressions.mask_logits"]
    assert (model.decode_masks(encoding, vectors) - expected).abs().max() < 0.1


def test_a_configuration_of_something_else_is_refused() -> None:
    """Before any tensor is read."""
    with pytest.raises(InvalidInput, match="not of a LLaVA-like checkpoint"):
        res_sizes({"model_type": "bert"}, {}, seg_id=1, vocabulary=2)
