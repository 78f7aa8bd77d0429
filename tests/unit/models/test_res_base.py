"""From LLaVA, SAM and CLIP to a model that can be trained."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from synres.errors import InvalidInput
from synres.models.lisa import LisaModel
from synres.models.res_base import load_base, with_new_lora
from synres.models.res_load import load_published, published_tensors
from synres.models.res_training import train_only_its_parts
from tests.unit.models.res_parity import Fixture, validate_differences

LISA = Fixture("lisa")
SIZES = LISA.sizes("lisa_merged_hf/config")
SAM_ROOT = "model.visual_model."


def _llava() -> dict[str, Tensor]:
    """The merged checkpoint without what the base does not know: SAM, the new network, the added tokens."""
    known = (".layers.", ".norm.", ".mm_projector.")
    merged = LISA.weights("lisa_merged_hf/pytorch_model.bin")
    rows = {n: merged[n][:600] for n in ("model.embed_tokens.weight", "lm_head.weight")}
    return rows | {n: t for n, t in merged.items() if SAM_ROOT not in n and any(k in n for k in known)}


def _load(seed: int = 1) -> LisaModel:
    merged = LISA.weights("lisa_merged_hf/pytorch_model.bin")
    sam = {n.removeprefix(SAM_ROOT): t for n, t in merged.items() if n.startswith(SAM_ROOT)}
    return load_base(LisaModel, SIZES, llava=_llava(), sam=sam, clip=LISA.clip, seed=seed)


def test_a_base_model_takes_a_training_step() -> None:
    """Its losses are finite and its adapters get gradients."""
    model = _load()
    train_only_its_parts(model)
    facts = LISA.json("train_mixed")
    model(LISA.batch(LISA.tensors("train_mixed"), facts["samples"])).total.backward()
    adapter = model.llava.llm.model.layers[0].self_attn.q_proj.lora_B.weight.grad
    assert adapter.isfinite().all()
    assert adapter.abs().max() > 0


def test_the_same_seed_draws_the_same_parts() -> None:
    """Bit for bit; another seed draws others; the process's own random numbers stay where they were."""
    before = torch.random.get_rng_state()
    first, again, other = (published_tensors(_load(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    drawn = {name for name in first if not torch.equal(first[name], other[name])}
    assert {"model.text_hidden_fcs.0.0.weight", "lm_head.weight"} <= drawn
    assert not any(name.startswith(SAM_ROOT) for name in drawn)


def test_new_adapters_change_nothing_yet() -> None:
    """So a published checkpoint can be trained on from exactly where it stands."""
    merged = LISA.weights("lisa_merged_hf/pytorch_model.bin")
    model = with_new_lora(load_published(LisaModel, SIZES, merged, LISA.clip), SIZES)
    assert any(".lora_A." in name for name in published_tensors(model))
    assert validate_differences(model.eval(), LISA) == []


def test_a_vocabulary_that_is_too_large_is_refused() -> None:
    """The base knows more tokens than the model shall have: it is no base."""
    grown = _llava()
    grown["lm_head.weight"] = torch.zeros(700, 64)
    with pytest.raises(InvalidInput, match="knows 700 tokens, 97 more than were asked for"):
        load_base(LisaModel, SIZES, llava=grown, sam={}, clip=LISA.clip, seed=0)
