"""Full size, on torch's meta device: our networks hold the published tensors, none missing, none extra.

The lists are derived (`tools/published_names.py`), and the derivation is held against the originals' own tiny
checkpoints and against totals that others have published.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from synres.models.checkpoint_config import checkpoint_config
from synres.models.checkpoints import Checkpoint, read_checkpoint
from synres.models.glamm import GlammModel
from synres.models.gsva import GsvaModel
from synres.models.lisa import LisaModel
from synres.models.lora import LoraSizes
from synres.models.res_config import res_sizes
from synres.models.res_load import published_shapes
from synres.models.res_model import ResModel
from synres.models.sam import SamSizes
from synres.models.sam_shapes import sam_sizes
from tests.unit.models.checkpoint_folders import FIXTURES
from tools.published_names import FOLDER, MODELS, Clip, Llama, Published, Sam, derive

NETWORKS: dict[str, type[ResModel]] = {"lisa": LisaModel, "gsva": GsvaModel, "glamm": GlammModel}
Shapes = dict[str, tuple[int, ...]]
# never part of the lists: see synres/models/res_names.py for the reasons
IGNORED = ("rotary_emb.inv_freq", "model.region_encoder.")
FIXTURE_PATHS = {
    "lisa": ("lisa_unmerged_peft", "lisa_merged_hf"),
    "gsva": ("gsva_weights.bin", None),
    "glamm": ("glamm_unmerged_peft", "glamm_merged_hf"),
}


def expanded(table: dict[str, list[int]]) -> Shapes:
    """Every name of a table, ranges written out."""
    found: Shapes = {}
    for name, shape in table.items():
        span = re.search(r"\[(\d+)\.\.(\d+)\]", name)
        numbers = range(int(span[1]), int(span[2]) + 1) if span else [0]
        for number in numbers:
            found[re.sub(r"\[.*?\]", str(number), name)] = tuple(shape)
    return found


def committed(name: str) -> dict[str, dict[str, list[int]]]:
    tables: dict[str, dict[str, list[int]]] = json.loads((FOLDER / f"{name}.json").read_text())
    del tables["sources"]
    return tables


def tiny(name: str) -> Published:
    """The derivation's input for a fixture, from its table of sizes."""
    facts = json.loads((FIXTURES / name / "sizes.json").read_text())
    llama, clip, sam = facts["llama"], facts["clip"], facts["sam"]
    full = next(model for key, model in MODELS.items() if key.startswith(name))
    return replace(
        full,
        llama=Llama(llama["hidden"], llama["intermediate"], llama["layers"], llama["vocab_base"]),
        clip=Clip(
            clip["image_size"], clip["hidden"], clip["intermediate"], clip["layers"], clip["patch_size"]
        ),
        sam=tiny_sam(sam),
        lora=facts["lora"]["r"],
        out_dim=facts["out_dim"],
    )


def tiny_sam(sam: dict[str, Any]) -> Sam:
    return Sam(
        image=sam["image_size"],
        patch=sam["patch_size"],
        dim=sam["encoder_dim"],
        depth=sam["encoder_depth"],
        heads=sam["encoder_heads"],
        window=sam["encoder_window_size"],
        global_blocks=tuple(sam["encoder_global_attn_indexes"]),
        out=sam["out_chans"],
        decoder_depth=sam["decoder_depth"],
        decoder_mlp=sam["decoder_mlp_dim"],
        iou_depth=sam["iou_head_depth"],
        iou_hidden=sam["iou_head_hidden_dim"],
        masks=sam["num_multimask_outputs"] + 1,
        mask_channels=sam["mask_in_chans"],
    )


def shapes_in(tensors: dict[str, Tensor]) -> Shapes:
    return {n: tuple(t.shape) for n, t in tensors.items() if not any(part in n for part in IGNORED)}


@pytest.mark.parametrize("name", FIXTURE_PATHS)
def test_the_derivation_holds_on_the_originals_own_checkpoints(name: str) -> None:
    """With a fixture's sizes it gives the names and shapes that the original model saved, both forms."""
    tables = derive(tiny(name))
    unmerged, merged = FIXTURE_PATHS[name]
    base = FIXTURES / name / "base_llava"
    everything = read_checkpoint(FIXTURES / name / unmerged, base).published
    assert shapes_in(everything) == {k: v for table in tables.values() for k, v in expanded(table).items()}
    if merged:
        found = read_checkpoint(FIXTURES / name / merged).published
        assert shapes_in(found) == expanded(tables["merged"])


@pytest.mark.parametrize("name", MODELS)
def test_the_committed_lists_are_the_derived_ones(name: str) -> None:
    """`python tools/published_names.py` would change nothing."""
    assert committed(name) == derive(MODELS[name])
    assert {file.stem for file in FOLDER.glob("*.json")} == MODELS.keys()


def parameters(shapes: Shapes) -> int:
    return sum(prod(shape) for shape in shapes.values())


def test_totals_are_the_published_ones() -> None:
    """Parameter counts that the models' own authors and hosts give."""
    # the published counts are without added tokens, and without SAM's random directions, which are a buffer
    seven, thirteen = expanded(committed("lisa-7b")["merged"]), expanded(committed("lisa-13b")["merged"])
    language = ("lm_head.", "model.embed_tokens.", "model.layers.", "model.norm.")
    assert [parameters(only(s, *language)) for s in (seven, thirteen)] == [
        6_738_415_616 + 2 * 3 * 4096,
        13_015_864_320 + 2 * 3 * 5120,
    ]
    towers = [parameters(expanded(committed(name)["clip"])) for name in ("lisa-7b", "glamm-7b")]
    assert towers == [303_179_776, 303_507_456]
    assert parameters(only(seven, "model.visual_model.")) == 641_090_608 + 2 * 128
    assert parameters(only(seven, "model.visual_model.image_encoder.")) == 637_026_048


def only(shapes: Shapes, *roots: str) -> Shapes:
    return {name: shape for name, shape in shapes.items() if name.startswith(roots)}


def public_config(name: str) -> dict[str, Any]:
    """What config.json of such a checkpoint says of sizes."""
    llama = MODELS[name].llama
    return {
        "hidden_size": llama.hidden,
        "intermediate_size": llama.intermediate,
        "num_hidden_layers": llama.layers,
        "num_attention_heads": llama.hidden // 128,
        "mm_hidden_size": 1024,
        "mm_vision_select_layer": -2,
        "vision_tower": "openai/clip-vit-large-patch14",
        "rms_norm_eps": 1e-5,
    }


def public_clip(name: str) -> dict[str, Any]:
    clip = MODELS[name].clip
    return {
        "image_size": clip.image,
        "patch_size": clip.patch,
        "hidden_size": clip.hidden,
        "intermediate_size": clip.intermediate,
        "num_hidden_layers": clip.layers,
        "num_attention_heads": 16,
    }


def on_meta(shapes: Shapes) -> dict[str, Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@pytest.mark.parametrize("name", [name for name in MODELS if name.split("-")[0] in NETWORKS])
def test_our_network_holds_the_published_tensors(name: str) -> None:
    """From a list and a configuration alone to a network with those very names and shapes."""
    tables = {table: expanded(shapes) for table, shapes in committed(name).items()}
    checkpoint = Checkpoint(public_config(name), on_meta(tables["merged"]), {}, 0, (Path("published"),))
    config = checkpoint_config(checkpoint)
    sizes = res_sizes(
        checkpoint.config,
        public_clip(name),
        seg_id=config.vocabulary - 1,
        rej_id=config.vocabulary - 2,
        vocabulary=config.vocabulary,
        projector_depth=config.projector_depth,
        sam=sam_sizes(checkpoint.tensors, f"model.{MODELS[name].sam_root}."),
    )
    with torch.device("meta"):
        network = NETWORKS[name.split("-")[0]](replace(sizes, lora=LoraSizes(rank=MODELS[name].lora)))
    assert differences(published_shapes(network), {k: v for t in tables.values() for k, v in t.items()}) == []


def differences(ours: Shapes, theirs: Shapes) -> list[str]:
    """Missing, extra and misshapen names, one line each."""
    return [
        *(f"missing {name}" for name in theirs.keys() - ours.keys()),
        *(f"extra {name}" for name in ours.keys() - theirs.keys()),
        *(f"{n} {ours[n]} for {theirs[n]}" for n in ours.keys() & theirs.keys() if ours[n] != theirs[n]),
    ]


@pytest.mark.parametrize("name", MODELS)
def test_sam_is_known_by_its_shapes(name: str) -> None:
    """The published SAM is ViT-H, whose sizes are our defaults."""
    shapes = expanded(committed(name)["merged"])
    assert sam_sizes(on_meta(shapes), f"model.{MODELS[name].sam_root}.") == SamSizes()
