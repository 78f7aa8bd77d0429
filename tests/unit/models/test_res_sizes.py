"""Nothing that a configuration decides is fixed in the code: other sizes than any fixture's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import CLIPVisionConfig

from synres.models.lisa import LisaModel
from synres.models.llava import IMAGE_ID
from synres.models.lora import LoraSizes
from synres.models.res_answers import forced_masks, generate
from synres.models.res_config import llama_config
from synres.models.res_load import load_published, published_tensors
from synres.models.res_types import ResSizes
from synres.models.sam import SamSizes

CLIP = CLIPVisionConfig(
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=30,
    patch_size=6,
)
LLAMA = llama_config(
    {
        "hidden_size": 48,
        "intermediate_size": 40,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "rope_theta": 500.0,
    },
    vocabulary=77,
)
SAM = SamSizes(
    image_size=96,
    patch_size=8,
    encoder_dim=24,
    encoder_depth=3,
    encoder_heads=3,
    encoder_window_size=5,
    encoder_global_attn_indexes=(0, 2),
    out_chans=16,
    decoder_depth=1,
    decoder_heads=2,
    decoder_mlp_dim=20,
    iou_head_depth=4,
    iou_head_hidden_dim=12,
    num_multimask_outputs=2,
    mask_in_chans=8,
)
SIZES = ResSizes(llama=LLAMA, clip=CLIP, sam=SAM, seg_id=70, out_dim=16, select_layer=-2, projector_depth=2)
LORA = LoraSizes(rank=3, targets=("k_proj", "up_proj"))


@pytest.fixture(scope="module")
def model() -> LisaModel:
    torch.manual_seed(0)
    return LisaModel(SIZES).eval()


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("lora", [None, LORA])
def test_what_is_saved_is_loaded_again(depth: int, lora: LoraSizes | None) -> None:
    """By published names, bit for bit, whatever the depth of SAM's heads and the adapters' rank and place."""
    sizes = replace(SIZES, sam=replace(SAM, iou_head_depth=depth), lora=lora)
    saved = published_tensors(LisaModel(sizes))
    again = load_published(LisaModel, sizes, saved)
    assert again.sizes.lora == lora
    loaded = published_tensors(again)
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in saved.items())


def test_positions_move_by_the_number_of_patches(model: LisaModel) -> None:
    """25 patches here: rows behind a prefix draw the masks that whole rows draw."""
    encoding = model.encode_image(np.full((20, 33, 3), 90, np.uint8))
    assert encoding.patches.shape == (25, 48)
    rows = [torch.tensor([1, 5, IMAGE_ID, 8, 70, 9, 70]), torch.tensor([1, 5, IMAGE_ID, 70, 3])]
    behind = forced_masks(model, encoding, rows)
    for row, masks in zip(rows, behind, strict=True):
        states = model.states(row[None], row[None] != 0, encoding.patches[None])
        whole = model.decode_masks(encoding, model.seg_vectors(states, model.predicted(row[None]))[0])
        assert masks.shape == whole.shape == (int((row == 70).sum()), 20, 33)
        assert (masks - whole).abs().max() < 1e-5


def test_an_answer_with_a_cache_is_the_answer_without(model: LisaModel) -> None:
    """Token by token, each from the whole row read anew."""
    encoding = model.encode_image(np.full((20, 33, 3), 90, np.uint8))
    rows = [torch.tensor([8, 6]), torch.tensor([3])]
    head = torch.tensor([1, 5, IMAGE_ID])
    answers = generate(model, model.read_prefix(encoding, head), rows, 5)
    for row, answer in zip(rows, answers, strict=True):
        ids = torch.cat([head, row])
        for token in answer.ids:
            states = model.states(ids[None], ids[None] != 0, encoding.patches[None])
            assert int(model.llava.llm.lm_head(states[0, -1]).argmax()) == token
            ids = torch.cat([ids, torch.tensor([token])])


def test_no_token_may_be_written(model: LisaModel) -> None:
    """Then only the [SEG] of the question count, even one right behind the picture."""
    encoding = model.encode_image(np.full((20, 33, 3), 90, np.uint8))
    prefix = model.read_prefix(encoding, torch.tensor([1, IMAGE_ID]))
    answer = generate(model, prefix, [torch.tensor([70, 6])], 0)[0]
    assert answer.ids == []
    assert answer.vectors.shape == (1, 16)
