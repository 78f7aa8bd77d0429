"""Writes networks as ONNX graphs that ONNX Runtime serves without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from transformers import CLIPSegForImageSegmentation, CLIPTokenizer, ViTImageProcessorPil

from synres.models.micro import Encoding, MicroRes, load_micro_res
from synres.models.onnx_segmenters import IMAGE_GRAPH, MASK_DECODER_GRAPH, MASK_GRAPH, MICRO_GRAPH
from synres.models.sam import Sam

_ANY = torch.export.Dim.DYNAMIC


def export_micro(folder: Path) -> None:
    """The shipped micro RES network: pixels (1, 3, H, W) and word ids (n, T) -> probabilities (n, H, W)."""
    network = load_micro_res()
    network.image.coordinates = _traceable_coordinates
    given = (torch.rand(1, 3, 96, 64), torch.ones(2, 3, dtype=torch.long))
    shapes = {"pixels": {2: _ANY, 3: _ANY}, "ids": {0: _ANY, 1: _ANY}}
    _export(_MicroGraph(network), given, folder / MICRO_GRAPH, shapes)


def export_clipseg(source: Path, folder: Path) -> None:
    """A CLIPSeg folder as two graphs beside its tokenizer and picture processor; any number of
    expressions, each padded to the text encoder's context."""
    network = CLIPSegForImageSegmentation.from_pretrained(
        source, local_files_only=True, use_safetensors=True
    ).eval()
    processor = ViTImageProcessorPil.from_pretrained(source, local_files_only=True)
    side, context = processor.size["height"], network.config.text_config.max_position_embeddings
    image = _ClipSegImage(network)
    pixels = torch.rand(1, 3, side, side)
    _export(image, (pixels,), folder / IMAGE_GRAPH, None)
    with torch.inference_mode():
        seen = image(pixels)
    words = torch.full((2, context), network.config.text_config.eos_token_id)
    shapes = {"ids": {0: _ANY}, "attention": {0: _ANY}, "activations": [{} for _ in seen]}
    _export(_ClipSegMasks(network), (words, torch.ones_like(words), list(seen)), folder / MASK_GRAPH, shapes)
    processor.save_pretrained(folder)
    CLIPTokenizer.from_pretrained(source, local_files_only=True).save_pretrained(folder)


def export_mask_decoder(sam: Sam, folder: Path) -> None:
    """SAM's mask decoder as `Sam.decode`: features (C, g, g), n vectors (n, C) -> logits (n, 4 g, 4 g)."""
    side = sam.sizes.image_size // sam.sizes.patch_size
    given = (torch.rand(sam.sizes.out_chans, side, side), torch.rand(2, sam.sizes.out_chans))
    _export(_MaskDecoder(sam), given, folder / MASK_DECODER_GRAPH, {"features": {}, "vectors": {0: _ANY}})


class _MaskDecoder(nn.Module):
    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, features: Tensor, vectors: Tensor) -> Tensor:
        return self.sam.decode(features, vectors)


class _MicroGraph(nn.Module):
    def __init__(self, network: MicroRes) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor, ids: Tensor) -> Tensor:
        encoding = self.network.encode_image(pixels)
        shared = Encoding(*(part.expand(ids.shape[0], -1, -1, -1) for part in encoding))
        chances: Tensor = self.network.head(shared, self.network.text(ids)).sigmoid()
        return chances


class _ClipSegImage(nn.Module):
    def __init__(self, network: CLIPSegForImageSegmentation) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        seen = self.network.clip.get_image_features(
            pixel_values=pixels, interpolate_pos_encoding=True, output_hidden_states=True
        )
        return tuple(seen.hidden_states[layer + 1] for layer in self.network.extract_layers)


class _ClipSegMasks(nn.Module):
    def __init__(self, network: CLIPSegForImageSegmentation) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Tensor, attention: Tensor, activations: Sequence[Tensor]) -> Tensor:
        conditions = self.network.clip.get_text_features(ids, attention_mask=attention).pooler_output
        shared = [activation.expand(ids.shape[0], -1, -1) for activation in activations]
        logits: Tensor = self.network.decoder(shared, conditions).logits
        return logits.reshape(ids.shape[0], *logits.shape[-2:])


def _traceable_coordinates(like: Tensor) -> Tensor:
    """What `MicroRes` computes with linspace, whose length an exported graph would freeze."""
    ones = torch.ones_like(like[:, :1])
    axes = [2 * (ones.cumsum(axis) - 1) / (like.shape[axis] - 1) - 1 for axis in (3, 2)]
    return torch.cat(axes, 1)


def _export(network: nn.Module, given: tuple[object, ...], path: Path, shapes: dict[str, Any] | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        network.eval(),
        given,
        str(path),
        dynamo=True,
        verbose=False,
        external_data=False,
        dynamic_shapes=shapes,
    )
    graph = onnx.load(path)
    _forget_sources(graph)
    onnx.save(graph, path)


def _forget_sources(graph: onnx.ModelProto) -> None:
    """Stack traces name this machine's paths, and would give equal networks unequal bytes."""
    for part in (graph, graph.graph, *graph.graph.node, *graph.graph.value_info, *graph.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    for function in graph.functions:
        for part in (function, *function.node):
            del part.metadata_props[:]
            part.doc_string = ""
