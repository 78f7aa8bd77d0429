"""LISA, GSVA and GLaMM as model folders: the fixtures' checkpoints, in the layouts that people download."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from synres.models.folders import register_folder
from synres.models.res_segmenter import ResSegmenter
from synres.ports import Image

_FIXTURES = Path(__file__).parent / "fixtures"
# what no published configuration says, since all published SAMs have 8
_SAM_HEADS = 4


def register_all(models: Path) -> None:
    """LISA in both layouts, GSVA and GLaMM, with all that they stand on."""
    for register in (register_lisa, register_unmerged_lisa, register_gsva, register_glamm):
        register(models)


def register_lisa(models: Path) -> str:
    """Merged; its configuration names its CLIP. Returns the model's name."""
    _register_clip(models, "lisa", "tiny/clip")
    return _register(models, "lisa/lisa_merged_hf", "tiny/lisa", "lisa", clip="tiny/clip")


def register_unmerged_lisa(models: Path) -> str:
    """Adapters and all weights in one `.bin`, over the base "tiny/lisa-base", which gives the tokenizer."""
    _register_clip(models, "lisa", "tiny/clip")
    _register(models, "lisa/base_llava", "tiny/lisa-base", "llava", clip="tiny/clip")
    return _register(models, "lisa/lisa_unmerged_peft", "tiny/lisa-unmerged", "lisa")


def register_gsva(models: Path) -> str:
    """A raw `.bin` alone in its folder, to be used with the base "tiny/gsva-base"."""
    _register_clip(models, "gsva", "tiny/gsva-clip")
    _register(models, "gsva/base_llava", "tiny/gsva-base", "llava", clip="tiny/gsva-clip")
    target = models / "tiny--gsva"
    target.mkdir()
    shutil.copy(_FIXTURES / "gsva" / "gsva_weights.bin", target)
    return register_folder(target, "tiny/gsva", "gsva", "LicenseRef-LLaMA-1").name


def register_glamm(models: Path) -> str:
    """Merged, with a CLIP of 336 pixels."""
    _register_clip(models, "glamm", "tiny/clip-336")
    return _register(models, "glamm/glamm_merged_hf", "tiny/glamm", "glamm", clip="tiny/clip-336")


def register_lisa_without_encoder(models: Path) -> str:
    """A merged LISA whose SAM has no encoder, and "tiny/sam" beside it, a whole SAM."""
    name = _register(models, "lisa/lisa_merged_hf", "tiny/lisa-part", "lisa", clip="tiny/clip")
    folder, root = models / "tiny--lisa-part", "model.visual_model."
    tensors = torch.load(folder / "pytorch_model.bin", weights_only=True)
    sam = {n.removeprefix(root): t.clone() for n, t in tensors.items() if n.startswith(root)}
    rest = {n: t for n, t in tensors.items() if not n.startswith(f"{root}image_encoder.")}
    torch.save(rest, folder / "pytorch_model.bin")
    (models / "tiny--sam").mkdir()
    save_file(sam, models / "tiny--sam" / "model.safetensors")
    register_folder(models / "tiny--sam", "tiny/sam", "sam", "Apache-2.0")
    return register_folder(folder, name, "lisa", "LicenseRef-LLaMA-1").name


@torch.no_grad()
def teach_to_answer(segmenter: ResSegmenter, image: Image, name: str = "[SEG]") -> ResSegmenter:
    """Overwrites the head, so that a generated answer is `name` and `</s>`: random weights babble."""
    network, answer = segmenter.network, segmenter._tokens.ids[name]
    head, tails = segmenter._rows(["the dog"])
    reading, _ = network.llava.read(network.read_prefix(network.encode_image(image), head), tails)
    before = reading.last[0]
    network.llava.read_one(reading, torch.tensor([answer]))
    weight = torch.zeros_like(network.llava.llm.lm_head.weight)
    weight[answer] = before - reading.last[0]
    weight[network.sizes.eos_id] = reading.last[0] - before
    network.llava.llm.lm_head.weight.data = weight
    return segmenter


def _register_clip(models: Path, family: str, name: str) -> None:
    if not (models / name.replace("/", "--")).exists():
        _register(models, f"{family}/tiny_clip", name, "clip")


def _register(models: Path, fixture: str, name: str, backend: str, clip: str = "") -> str:
    folder = models / name.replace("/", "--")
    shutil.copytree(_FIXTURES / fixture, folder)
    if clip:
        config = json.loads((folder / "config.json").read_text())
        config |= {"vision_tower": clip, "sam_decoder_heads": _SAM_HEADS}
        (folder / "config.json").write_text(json.dumps(config))
    return register_folder(folder, name, backend, "MIT" if backend == "clip" else "LicenseRef-LLaMA-1").name
