"""GLaMM beside the original's own numbers."""

from __future__ import annotations

import pytest

from synres.models.glamm import GlammModel
from synres.models.res_load import load_published
from synres.models.res_training import train_only_its_parts
from tests.unit.models.res_parity import (
    Fixture,
    evaluate_differences,
    training_differences,
    validate_differences,
)

GLAMM = Fixture("glamm")
CONFIG = "glamm_merged_hf/config"
MERGED = "glamm_merged_hf/pytorch_model.bin"
UNMERGED = "glamm_unmerged_peft/pytorch_model.bin"


@pytest.fixture(scope="module")
def merged() -> GlammModel:
    sizes = GLAMM.sizes(CONFIG, projector_depth=2)
    return load_published(GlammModel, sizes, GLAMM.weights(MERGED), GLAMM.clip).eval()


@pytest.fixture
def unmerged() -> GlammModel:
    return load_published(GlammModel, GLAMM.sizes(CONFIG, projector_depth=2), GLAMM.weights(UNMERGED)).train()


def test_teacher_forced_masks_are_the_originals(merged: GlammModel) -> None:
    """576 patches, so the shift is 575: nothing counts on 256."""
    assert validate_differences(merged, GLAMM) == []


def test_generated_answers_are_the_originals(merged: GlammModel) -> None:
    """One, no and two [SEG], with phrases around them."""
    assert evaluate_differences(merged, GLAMM) == []


def test_training_step_is_the_originals(unmerged: GlammModel) -> None:
    """Activations, the four losses and every gradient's norm."""
    assert training_differences(unmerged, GLAMM) == []


def test_what_is_trained_is_what_the_original_trains(unmerged: GlammModel) -> None:
    """All but the region encoder, which gets no gradient where no box is asked about."""
    trained = {f"base_model.model.{unmerged.published_name(n)}" for n in train_only_its_parts(unmerged)}
    theirs = {name for name in GLAMM.facts["trainable_parameters"] if ".region_encoder." not in name}
    assert trained == theirs


def test_region_encoder_is_not_read(merged: GlammModel) -> None:
    """The checkpoint holds one; an expression has no boxes, so nothing of it is in the model."""
    assert any("region_encoder" in name for name in GLAMM.weights(MERGED))
    assert not any("region" in name for name, _ in merged.named_parameters())
