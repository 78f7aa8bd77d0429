"""What a model computes beside what its original computed: lists of differences, empty when they agree.

A fixture's folder holds the originals' inputs and outputs (see its README). Differences are returned and not
asserted, so that a test can also show that a mistake is seen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from synres.models.llava import split_prefix
from synres.models.lora import LoraSizes
from synres.models.res_answers import forced_masks, generate
from synres.models.res_config import res_sizes
from synres.models.res_model import ResModel
from synres.models.res_training import train_only_its_parts
from synres.models.res_types import Generated, ImageEncoding, ResSizes, TrainingBatch
from synres.models.sam import SamSizes

FIXTURES = Path(__file__).parents[2] / "fixtures"
STATE_ATOL = 5e-5
LOGIT_ATOL = 2e-5
LOSS_RTOL = 1e-5
GRADIENT_RTOL = 1e-3
GRADIENT_FLOOR = 1e-6

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Fixture:
    """One family's folder; files are read once."""

    name: str

    @property
    def folder(self) -> Path:
        return FIXTURES / self.name

    @cached_property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.json("sizes")
        return facts

    @cached_property
    def images(self) -> Tensors:
        return self.tensors("images")

    @cached_property
    def clip(self) -> Tensors:
        return load_file(self.folder / "tiny_clip" / "model.safetensors")

    def json(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())

    def tensors(self, name: str) -> Tensors:
        return load_file(self.folder / f"{name}.safetensors")

    def weights(self, path: str) -> Tensors:
        tensors: Tensors = torch.load(self.folder / path, weights_only=True)
        return tensors

    def sizes(self, config: str, projector_depth: int = 1) -> ResSizes:
        facts = self.facts
        clip = self.json("tiny_clip/config")
        base = self.json(config) | {"out_dim": facts["out_dim"]}
        sam = facts["sam"] | {
            "encoder_global_attn_indexes": tuple(facts["sam"]["encoder_global_attn_indexes"])
        }
        sizes = res_sizes(
            base,
            clip,
            seg_id=facts["token_ids"]["[SEG]"],
            vocabulary=facts["llama"]["vocab_with_added_tokens"],
            projector_depth=projector_depth,
            sam=SamSizes(**sam),
        )
        lora = LoraSizes(alpha=facts["lora"]["alpha"], dropout=facts["lora"]["dropout"])
        return replace(sizes, lora=lora, rej_id=facts["token_ids"].get("[REJ]"))

    def encoding(self, model: ResModel, image: int) -> ImageEncoding:
        """`image` as the fixture holds it: pixels already normalised, no picture."""
        pixels = self.images[f"sam.{image}"][None], self.images[f"clip.{image}"][None]
        features, patches = model.encode(*pixels)
        size = self.facts["images"][image]
        return ImageEncoding(
            features[0], patches[0].detach(), tuple(size["resized_hw"]), tuple(size["original_hw"])
        )

    def batch(self, tensors: Tensors, samples: list[dict[str, Any]]) -> TrainingBatch:
        images = [sample["image"] for sample in samples]
        return TrainingBatch(
            sam_pixels=torch.stack([self.images[f"sam.{i}"] for i in images]),
            clip_pixels=torch.stack([self.images[f"clip.{i}"] for i in images]),
            resized=[tuple(self.facts["images"][i]["resized_hw"]) for i in images],
            input_ids=tensors["input_ids"],
            labels=tensors["labels"],
            attended=tensors["attention_mask"].bool(),
            offset=tensors["offset"].tolist(),
            masks=[tensors[f"gt_masks.{k}"] for k in range(len(images))],
        )


def far(what: str, ours: Tensor, theirs: Tensor, atol: float) -> list[str]:
    """One line if the shapes differ, or any value by more than `atol`."""
    if ours.shape != theirs.shape:
        return [f"{what}: shape {tuple(ours.shape)}, not {tuple(theirs.shape)}"]
    gap = (ours.detach() - theirs).abs().max().item() if ours.numel() else 0.0
    return [] if gap <= atol else [f"{what}: off by {gap:.2e}"]


def relative(what: str, ours: float, theirs: float, rtol: float) -> list[str]:
    """One line if the values differ by more than `rtol` of theirs."""
    gap = abs(ours - theirs) / abs(theirs)
    return [] if gap <= rtol else [f"{what}: {ours:.8g}, not {theirs:.8g}"]


def mask_differences(what: str, ours: Tensor, theirs: Tensor) -> list[str]:
    """Logits within 2e-5, and equal masks where they are not nearer to 0 than that."""
    found = far(what, ours, theirs, LOGIT_ATOL)
    if ours.shape != theirs.shape:
        return found
    flipped = int((((ours > 0) != (theirs > 0)) & (theirs.abs() >= LOGIT_ATOL)).sum())
    return [*found, *([f"{what}: {flipped} pixels flipped"] if flipped else [])]


def rows_of(ids: Tensor) -> list[Tensor]:
    """(K, T) padded right with 0 -> K rows without padding."""
    return [row[: int(row.nonzero().max()) + 1] for row in ids]


def validate_differences(model: ResModel, fixture: Fixture) -> list[str]:
    """Teacher-forced masks of all cases of `validate.safetensors`."""
    found, tensors = [], fixture.tensors("validate")
    for case in fixture.json("validate"):
        theirs = {n.split(".", 1)[1]: t for n, t in tensors.items() if n.startswith(f"{case['name']}.")}
        encoding = fixture.encoding(model, case["image"])
        found += forced_differences(model, encoding, theirs)
    return found


def forced_differences(model: ResModel, encoding: ImageEncoding, theirs: Tensors) -> list[str]:
    """One case: vectors (where the fixture holds them), low-resolution and full-size logits."""
    ids, attended = theirs["input_ids"], theirs["attention_mask"].bool()
    states = model.states(ids, attended, encoding.patches.expand(len(ids), -1, -1))
    vectors = torch.cat(model.seg_vectors(states, model.predicted(ids)))
    logits = torch.cat(forced_masks(model, encoding, rows_of(ids)))
    return [
        *(
            far("vectors", vectors, theirs["seg_embeddings"], STATE_ATOL)
            if "seg_embeddings" in theirs
            else []
        ),
        *far(
            "low_res_masks", model.sam.decode(encoding.features, vectors), theirs["low_res_masks"], LOGIT_ATOL
        ),
        *mask_differences("mask_logits", model.decode_masks(encoding, vectors), theirs["mask_logits"]),
        *mask_differences("mask_logits after a shared prefix", logits, theirs["mask_logits"]),
    ]


def evaluate_differences(model: ResModel, fixture: Fixture) -> list[str]:
    """Generated ids, vectors and masks of all cases of `evaluate.safetensors`."""
    found, tensors = [], fixture.tensors("evaluate")
    for case in fixture.json("evaluate"):
        theirs = {n.split(".", 1)[1]: t for n, t in tensors.items() if n.startswith(f"{case['name']}.")}
        kept = with_rows(model, theirs)
        encoding = fixture.encoding(model, case["image"])
        ours = answer(model, encoding, theirs["input_ids"], case["max_new_tokens"])
        model.llava.llm.lm_head.weight.data = kept
        found += [f"{case['name']}: {line}" for line in _generated(model, encoding, ours, theirs)]
    return found


def with_rows(model: ResModel, theirs: Tensors) -> Tensor:
    """Overwrites rows of the head as a case asks; returns the weights to put back."""
    head = model.llava.llm.lm_head.weight
    kept = head.data
    if "lm_head_row_ids" in theirs:
        head.data = kept.index_copy(0, theirs["lm_head_row_ids"], theirs["lm_head_rows"])
    return kept


def answer(model: ResModel, encoding: ImageEncoding, ids: Tensor, most: int) -> Generated:
    """One row, cut behind its picture."""
    head, tails = split_prefix([ids])
    return generate(model, model.read_prefix(encoding, head), tails, most)[0]


def _generated(model: ResModel, encoding: ImageEncoding, ours: Generated, theirs: Tensors) -> list[str]:
    new = theirs["output_ids"][len(theirs["input_ids"]) :].tolist()
    low = model.sam.decode(encoding.features, ours.vectors)
    return [
        *([] if ours.ids == new else [f"ids {ours.ids}, not {new}"]),
        *far("vectors", ours.vectors, theirs["seg_embeddings"], STATE_ATOL),
        *far("low_res_masks", low, theirs["low_res_masks"], LOGIT_ATOL),
        *mask_differences("mask_logits", model.decode_masks(encoding, ours.vectors), theirs["mask_logits"]),
    ]


def training_differences(model: ResModel, fixture: Fixture) -> list[str]:
    """Activations, losses and gradient norms of `train_mixed.safetensors`; leaves gradients in `model`."""
    theirs, facts = fixture.tensors("train_mixed"), fixture.json("train_mixed")
    batch = fixture.batch(theirs, facts["samples"])
    train_only_its_parts(model)
    losses = model(batch)
    losses.total.backward()
    ours = {"loss": losses.total, "ce_loss": losses.ce}
    ours |= {"mask_bce_loss": losses.mask_bce, "mask_dice_loss": losses.mask_dice}
    found = [line for n, v in ours.items() for line in relative(n, v.item(), facts["losses"][n], LOSS_RTOL)]
    return [
        *found,
        *activation_differences(model, batch, theirs),
        *gradient_differences(model, theirs, facts),
    ]


@torch.no_grad()
def activation_differences(model: ResModel, batch: TrainingBatch, theirs: Tensors) -> list[str]:
    """Those that the fixture holds, whole or in part; states at valid positions only."""
    features, patches = model.encode(batch.sam_pixels, batch.clip_pixels)
    patches = patches.repeat_interleave(torch.tensor(batch.offset).diff(), 0)
    states = model.states(batch.input_ids, batch.attended, patches)
    valid = torch.nn.functional.pad(batch.attended, (patches.shape[1] - 1, 0), value=True)[..., None]
    parts = {"mm_projector": patches, "llm_last_hidden": states, "text_hidden_fcs": model.text_fcs(states)}
    parts["mm_projector_first_16_patches"] = patches[:, :16]
    parts |= {f"{n}_text_part": parts[n][:, patches.shape[1] - 1 :] for n in list(parts)[1:3]}
    parts |= {f"sam_features.{k}": image for k, image in enumerate(features)}
    found = []
    for name, ours in parts.items():
        expected = theirs.get(f"act.{name}", ours)
        seen = valid[:, -ours.shape[1] :] if "hidden" in name else torch.tensor(True)
        found += far(name, ours * seen, expected * seen, STATE_ATOL)
    vectors = model.seg_vectors(states, model.predicted(batch.input_ids))
    logits = ResModel.training_logits(model, batch, features, vectors)
    return [*found, *_training_masks(logits, batch.offset, theirs)]


def _training_masks(logits: list[Tensor], offset: Sequence[int], theirs: Tensors) -> list[str]:
    """The masks of all [SEG]; GSVA's fixture has them by conversation, the others by picture."""
    count = sum(name.startswith("act.mask_logits.") for name in theirs)
    expected = [theirs[f"act.mask_logits.{k}"] for k in range(count)]
    if count != len(logits):
        expected = [torch.cat(expected[start:end]) for start, end in pairwise(offset)]
    pairs = enumerate(zip(logits, expected, strict=True))
    return [line for k, (ours, t) in pairs for line in mask_differences(f"mask_logits.{k}", ours, t)]


def gradient_differences(model: ResModel, theirs: Tensors, facts: dict[str, Any]) -> list[str]:
    """Norms by published name, and the whole gradients that the fixture holds."""
    gradients = gradients_of(model)
    found = []
    for name, norm in facts["grad_norms"].items():
        ours = gradients[name].norm() if name in gradients else torch.tensor(0.0)
        limit = max(GRADIENT_RTOL * norm, GRADIENT_FLOOR)
        found += far(f"gradient's norm of {name}", ours, torch.tensor(norm), limit)
    for name, whole in theirs.items():
        if name.startswith("grad."):
            limit = GRADIENT_RTOL * whole.abs().max().item()
            found += far(name, gradients[name.removeprefix("grad.")], whole, limit)
        if name.startswith("grad_seg_row."):
            found += _row_difference(model, name.removeprefix("grad_seg_row."), gradients, whole)
    everything = torch.stack([g.norm() for g in gradients.values()]).norm().item()
    return [*found, *relative("global gradient norm", everything, facts["grad_norm_global"], GRADIENT_RTOL)]


def _row_difference(model: ResModel, matrix: str, gradients: Tensors, row: Tensor) -> list[str]:
    whole = next(g for name, g in gradients.items() if name.endswith(f"{matrix}.weight"))
    limit = GRADIENT_RTOL * row.abs().max().item()
    return far(f"[SEG] row of {matrix}", whole[model.sizes.seg_id], row, limit)


def gradients_of(model: ResModel) -> Tensors:
    """By the names of the un-merged checkpoint; parameters without a gradient are not there."""
    return {
        f"base_model.model.{model.published_name(name)}": parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
