"""GSVA beside the original's own numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from synres.errors import InvalidInput
from synres.models.gsva import GsvaModel, forced_decisions, with_all_asked
from synres.models.llava import split_prefix
from synres.models.res_answers import forced_masks
from synres.models.res_load import load_published
from synres.models.res_training import train_only_its_parts
from tests.unit.models.res_parity import (
    LOGIT_ATOL,
    Fixture,
    far,
    mask_differences,
    rows_of,
    training_differences,
    with_rows,
)

GSVA = Fixture("gsva")
CASES = GSVA.json("validate")


def weights() -> dict[str, torch.Tensor]:
    """As published: adapters and trained parts, over the base LLaVA."""
    base = load_file(GSVA.folder / "base_llava" / "model.safetensors")
    trained = {n.removeprefix("base_model.model."): t for n, t in GSVA.weights("gsva_weights.bin").items()}
    return base | trained


@pytest.fixture(scope="module")
def gsva() -> GsvaModel:
    return load_published(GsvaModel, GSVA.sizes("base_llava/config"), weights(), GSVA.clip).eval()


@pytest.fixture
def case_tensors(gsva: GsvaModel, request: pytest.FixtureRequest) -> Any:
    """One case's tensors; the rows of the head that it asks for are in the model, and out again."""
    name = request.param["name"]
    tensors = GSVA.tensors("validate")
    theirs = {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
    kept = with_rows(gsva, theirs)
    yield request.param, theirs
    gsva.llava.llm.lm_head.weight.data = kept


each_case = pytest.mark.parametrize("case_tensors", CASES, ids=[c["name"] for c in CASES], indirect=True)


@each_case
def test_decisions_are_the_originals(gsva: GsvaModel, case_tensors: Any) -> None:
    """[SEG] or [REJ] at each answer slot, teacher-forced."""
    case, theirs = case_tensors
    head, tails = split_prefix(rows_of(theirs["input_ids"]))
    prefix = gsva.read_prefix(GSVA.encoding(gsva, case["image"]), head)
    (accepted,) = forced_decisions(gsva, prefix, tails)
    assert ["[SEG]" if yes else "[REJ]" for yes in accepted] == case["decisions"]


@each_case
def test_teacher_forced_masks_are_the_originals(gsva: GsvaModel, case_tensors: Any) -> None:
    """With every expression asked again, a mask for each; without, for the true [SEG] only."""
    case, theirs = case_tensors
    rows = rows_of(theirs["input_ids"])
    asked = [with_all_asked(gsva, row) for row in rows] if case["reeval"] else rows
    encoding = GSVA.encoding(gsva, case["image"])
    logits = torch.cat(forced_masks(gsva, encoding, asked))
    assert mask_differences("mask_logits", logits, theirs["mask_logits"]) == []
    assert len(logits) == (3 if case["reeval"] else 2)


def test_training_step_is_the_originals() -> None:
    """Activations, the four losses with rejected slots among them, and every gradient's norm."""
    model = load_published(GsvaModel, GSVA.sizes("base_llava/config"), weights(), GSVA.clip).train()
    assert training_differences(model, GSVA) == []


def test_what_is_trained_is_what_the_original_trains(gsva: GsvaModel) -> None:
    """Adapters, vocabulary, mask decoder and the network between language and masks."""
    trained = {f"base_model.model.{gsva.published_name(name)}" for name in train_only_its_parts(gsva)}
    assert trained == set(GSVA.facts["trainable_parameters"])


def test_a_rejected_slot_costs_ln_2_and_moves_nothing(gsva: GsvaModel) -> None:
    """Its logits are zeros of the target's shape, whatever the network draws elsewhere."""
    tensors, facts = GSVA.tensors("train_mixed"), GSVA.json("train_mixed")
    batch = GSVA.batch(tensors, facts["samples"])
    features, _ = gsva.encode(batch.sam_pixels, batch.clip_pixels)
    vectors = [torch.randn(n, features.shape[1]) for n in (2, 1, 1)]
    logits = gsva.training_logits(batch, features, vectors)
    assert [len(of_picture) for of_picture in logits] == [3, 2]
    pixel = torch.nn.functional.binary_cross_entropy_with_logits(logits[0][1], torch.zeros(60, 80))
    assert pixel.item() == pytest.approx(math.log(2))
    assert logits[0][0].abs().max() > LOGIT_ATOL


def test_adapters_are_not_dropped(gsva: GsvaModel) -> None:
    """The rank is read from the tensors; the masks without adapters are other masks."""
    assert gsva.sizes.lora is not None
    assert gsva.sizes.lora.rank == 8
    plain = {name: tensor for name, tensor in weights().items() if ".lora_" not in name}
    without = load_published(GsvaModel, GSVA.sizes("base_llava/config"), plain, GSVA.clip).eval()
    rows = rows_of(GSVA.tensors("validate")["three_no_reeval.input_ids"])
    encoding = GSVA.encoding(gsva, 0)
    ours, dropped = forced_masks(gsva, encoding, rows)[0], forced_masks(without, encoding, rows)[0]
    assert far("mask_logits", dropped, ours, 100 * LOGIT_ATOL) != []


def test_a_missing_trained_part_is_refused() -> None:
    """The original loads what there is and goes on; here the sentence names what is missing."""
    tensors = {n: t for n, t in weights().items() if not n.startswith("model.text_hidden_fcs")}
    with pytest.raises(InvalidInput, match="text_hidden_fcs"):
        load_published(GsvaModel, GSVA.sizes("base_llava/config"), tensors, GSVA.clip)
