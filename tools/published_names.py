"""Every tensor of the published LISA, GSVA and GLaMM checkpoints, by name and shape: derived, never loaded.

    python tools/published_names.py          # writes tests/fixtures/published_names/*.json

Nothing of `synres` is imported: the lists are what our networks are compared with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "tests" / "fixtures" / "published_names"
Shapes = dict[str, list[int]]
SOURCES = {
    "LLaMA": "arXiv 2302.13971 table 2 and arXiv 2307.09288: sizes of 7B and 13B, 32000 pieces",
    "CLIP": "config.json of openai/clip-vit-large-patch14 and -patch14-336: vision_config",
    "SAM": "facebookresearch/segment-anything at dca509f: build_sam.py (ViT-H) and modeling/",
    "LISA": "dvlab-research/LISA at 3cb2d43: model/LISA.py, model/llava/model/llava_arch.py, train_ds.py",
    "GSVA": "LeapLabTHU/GSVA at 618dc79: model/prepare_model_tokenizer.py, main.py and its scripts",
    "GLaMM": "mbzuai-oryx/groundingLMM at e74865f: model/GLaMM.py, train.py",
}


@dataclass(frozen=True)
class Llama:
    hidden: int
    intermediate: int
    layers: int
    vocab: int = 32000


@dataclass(frozen=True)
class Clip:
    image: int
    hidden: int = 1024
    intermediate: int = 4096
    layers: int = 24
    patch: int = 14


@dataclass(frozen=True)
class Sam:
    image: int = 1024
    patch: int = 16
    dim: int = 1280
    depth: int = 32
    heads: int = 16
    window: int = 14
    global_blocks: tuple[int, ...] = (7, 15, 23, 31)
    out: int = 256
    decoder_depth: int = 2
    decoder_mlp: int = 2048
    iou_depth: int = 3
    iou_hidden: int = 256
    masks: int = 4
    mask_channels: int = 16


@dataclass(frozen=True)
class Published:
    """`added` tokens, `lora` rank of the un-merged form, `projector` layers, and where SAM hangs."""

    llama: Llama
    clip: Clip
    added: int
    lora: int
    sam_root: str = "visual_model"
    projector: int = 1
    sam: Sam = Sam()
    out_dim: int = 256


LLAMA_7B = Llama(4096, 11008, 32)
LLAMA_13B = Llama(5120, 13824, 40)
MODELS = {
    "lisa-7b": Published(LLAMA_7B, Clip(224), added=3, lora=8),
    "lisa-13b": Published(LLAMA_13B, Clip(224), added=3, lora=8),
    "gsva-7b": Published(LLAMA_7B, Clip(224), added=4, lora=8),
    "gsva-13b": Published(LLAMA_13B, Clip(224), added=4, lora=64),
    "glamm-7b": Published(LLAMA_7B, Clip(336), added=7, lora=8, sam_root="grounding_encoder", projector=2),
}


def derive(model: Published) -> dict[str, Shapes]:
    """Three tables: `merged` (the published Hugging Face form), and what the un-merged form has besides,
    `clip` and `lora`. A name may hold one range, `[0..31]`."""
    sam = below(f"model.{model.sam_root}.", sam_shapes(model.sam))
    return {
        "merged": {**llama_shapes(model), **bridge_shapes(model), **sam},
        "clip": below("model.vision_tower.vision_tower.vision_model.", clip_shapes(model.clip)),
        "lora": lora_shapes(model),
    }


def below(root: str, shapes: Shapes) -> Shapes:
    return {root + name: shape for name, shape in shapes.items()}


def linear(name: str, outputs: int, inputs: int) -> Shapes:
    return {f"{name}.weight": [outputs, inputs], f"{name}.bias": [outputs]}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": [width], f"{name}.bias": [width]}


def convolution(name: str, outputs: int, inputs: int, kernel: int) -> Shapes:
    return {f"{name}.weight": [outputs, inputs, kernel, kernel], f"{name}.bias": [outputs]}


def llama_shapes(model: Published) -> Shapes:
    hidden, inner = model.llama.hidden, model.llama.intermediate
    rows = model.llama.vocab + model.added
    layer = f"model.layers.[0..{model.llama.layers - 1}]."
    return {
        "lm_head.weight": [rows, hidden],
        "model.embed_tokens.weight": [rows, hidden],
        "model.norm.weight": [hidden],
        **{f"{layer}self_attn.{p}_proj.weight": [hidden, hidden] for p in "qkvo"},
        f"{layer}mlp.gate_proj.weight": [inner, hidden],
        f"{layer}mlp.up_proj.weight": [inner, hidden],
        f"{layer}mlp.down_proj.weight": [hidden, inner],
        f"{layer}input_layernorm.weight": [hidden],
        f"{layer}post_attention_layernorm.weight": [hidden],
    }


def bridge_shapes(model: Published) -> Shapes:
    """CLIP to LLaMA, and LLaMA to SAM."""
    hidden, seen = model.llama.hidden, model.clip.hidden
    projector = linear("model.mm_projector", hidden, seen)
    if model.projector == 2:
        projector = {
            **linear("model.mm_projector.0", hidden, seen),
            **linear("model.mm_projector.2", hidden, hidden),
        }
    return {
        **projector,
        **linear("model.text_hidden_fcs.0.0", hidden, hidden),
        **linear("model.text_hidden_fcs.0.2", model.out_dim, hidden),
    }


def lora_shapes(model: Published) -> Shapes:
    hidden, attention = model.llama.hidden, f"model.layers.[0..{model.llama.layers - 1}].self_attn."
    return {
        **{f"{attention}{p}_proj.lora_A.default.weight": [model.lora, hidden] for p in "qv"},
        **{f"{attention}{p}_proj.lora_B.default.weight": [hidden, model.lora] for p in "qv"},
    }


def clip_shapes(clip: Clip) -> Shapes:
    width, layer = clip.hidden, f"encoder.layers.[0..{clip.layers - 1}]."
    shapes: Shapes = {
        "embeddings.class_embedding": [width],
        "embeddings.patch_embedding.weight": [width, 3, clip.patch, clip.patch],
        "embeddings.position_embedding.weight": [(clip.image // clip.patch) ** 2 + 1, width],
        # spelled like this in CLIP's own code
        **norm("pre_layrnorm", width),
        **norm("post_layernorm", width),
    }
    for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
        shapes |= linear(f"{layer}self_attn.{part}", width, width)
    return {
        **shapes,
        **norm(f"{layer}layer_norm1", width),
        **norm(f"{layer}layer_norm2", width),
        **linear(f"{layer}mlp.fc1", clip.intermediate, width),
        **linear(f"{layer}mlp.fc2", width, clip.intermediate),
    }


def sam_shapes(sam: Sam) -> Shapes:
    return {
        **below("image_encoder.", sam_encoder(sam)),
        **below("prompt_encoder.", sam_prompt(sam)),
        **below("mask_decoder.", sam_decoder(sam)),
    }


def sam_encoder(sam: Sam) -> Shapes:
    grid, dim = sam.image // sam.patch, sam.dim
    block = f"blocks.[0..{sam.depth - 1}]."
    shapes = {
        "pos_embed": [1, grid, grid, dim],
        **convolution("patch_embed.proj", dim, 3, sam.patch),
        **norm(f"{block}norm1", dim),
        **norm(f"{block}norm2", dim),
        **linear(f"{block}attn.qkv", 3 * dim, dim),
        **linear(f"{block}attn.proj", dim, dim),
        **linear(f"{block}mlp.lin1", 4 * dim, dim),
        **linear(f"{block}mlp.lin2", dim, 4 * dim),
        "neck.0.weight": [sam.out, dim, 1, 1],
        **norm("neck.1", sam.out),
        "neck.2.weight": [sam.out, sam.out, 3, 3],
        **norm("neck.3", sam.out),
    }
    for number in range(sam.depth):
        side = grid if number in sam.global_blocks else sam.window
        for axis in "hw":
            shapes[f"blocks.{number}.attn.rel_pos_{axis}"] = [2 * side - 1, dim // sam.heads]
    return shapes


def sam_prompt(sam: Sam) -> Shapes:
    width, inner = sam.out, sam.mask_channels
    return {
        "pe_layer.positional_encoding_gaussian_matrix": [2, width // 2],
        "point_embeddings.[0..3].weight": [1, width],
        "not_a_point_embed.weight": [1, width],
        "no_mask_embed.weight": [1, width],
        **convolution("mask_downscaling.0", inner // 4, 1, 2),
        **norm("mask_downscaling.1", inner // 4),
        **convolution("mask_downscaling.3", inner, inner // 4, 2),
        **norm("mask_downscaling.4", inner),
        **convolution("mask_downscaling.6", width, inner, 1),
    }


def sam_decoder(sam: Sam) -> Shapes:
    width, layer = sam.out, f"transformer.layers.[0..{sam.decoder_depth - 1}]."
    shapes: Shapes = {
        "iou_token.weight": [1, width],
        "mask_tokens.weight": [sam.masks, width],
        **attention(f"{layer}self_attn", width, width),
        **attention(f"{layer}cross_attn_token_to_image", width, width // 2),
        **attention(f"{layer}cross_attn_image_to_token", width, width // 2),
        **attention("transformer.final_attn_token_to_image", width, width // 2),
        **norm("transformer.norm_final_attn", width),
        **linear(f"{layer}mlp.lin1", sam.decoder_mlp, width),
        **linear(f"{layer}mlp.lin2", width, sam.decoder_mlp),
        # transposed convolutions: inputs stand first
        "output_upscaling.0.weight": [width, width // 4, 2, 2],
        "output_upscaling.0.bias": [width // 4],
        **norm("output_upscaling.1", width // 4),
        "output_upscaling.3.weight": [width // 4, width // 8, 2, 2],
        "output_upscaling.3.bias": [width // 8],
        **perceptron("iou_prediction_head", [width, *[sam.iou_hidden] * (sam.iou_depth - 1), sam.masks]),
        **perceptron(f"output_hypernetworks_mlps.[0..{sam.masks - 1}]", [width, width, width, width // 8]),
    }
    for number in (1, 2, 3, 4):
        shapes |= norm(f"{layer}norm{number}", width)
    return shapes


def attention(name: str, width: int, inner: int) -> Shapes:
    shapes = linear(f"{name}.out_proj", width, inner)
    for part in "qkv":
        shapes |= linear(f"{name}.{part}_proj", inner, width)
    return shapes


def perceptron(name: str, widths: list[int]) -> Shapes:
    shapes: Shapes = {}
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        shapes |= linear(f"{name}.layers.{number}", outputs, inputs)
    return shapes


def main() -> None:
    """One file for each published model, a line for each name."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, model in MODELS.items():
        tables = [f'"sources": {json.dumps(SOURCES, indent=0)}']
        tables += [
            f'"{table}": {{\n'
            + ",\n".join(f"{json.dumps(key)}: {shape}" for key, shape in sorted(shapes.items()))
            + "\n}"
            for table, shapes in derive(model).items()
        ]
        (FOLDER / f"{name}.json").write_text("{\n" + ",\n".join(tables) + "\n}\n")


if __name__ == "__main__":
    main()
