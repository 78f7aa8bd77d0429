"""Segmenters that run exported graphs in ONNX Runtime: no torch is imported here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import CLIPTokenizer, ViTImageProcessorPil

from synres.domain.types import Expression, ModelInfo
from synres.models.clip_text import check_lengths
from synres.models.micro_predict import predict
from synres.models.onnx_session import Device, open_session
from synres.models.scoring import resized, scored_mask, sigmoid
from synres.ports import Image, ScoredMask

CODE_VERSION = 1
MICRO_GRAPH, IMAGE_GRAPH, MASK_GRAPH = "micro.onnx", "image.onnx", "masks.onnx"
MASK_DECODER_GRAPH = "mask_decoder.onnx"


@dataclass(frozen=True, slots=True)
class OnnxOptions:
    """`threshold`: a pixel belongs to the mask above this probability."""

    threshold: float = 0.5


class OnnxMicroSegmenter:
    """The micro RES network, whole: `micro.onnx`."""

    def __init__(self, folder: Path, model: ModelInfo, options: OnnxOptions, device: Device) -> None:
        self.model, self._options = model, options
        self._session = open_session(folder / MICRO_GRAPH, device)

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        """As the micro backend in torch, within 1e-4 of its probabilities."""
        found = predict(self.chances, image, expressions)
        return [scored_mask(chance, self._options.threshold) for chance in found]

    def chances(self, pixels: NDArray[np.float32], token_ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """What `MicroRes.chances` gives."""
        found: NDArray[np.float32] = self._session.run(None, {"pixels": pixels, "ids": token_ids})[0]
        return found


class OnnxClipSegSegmenter:
    """CLIPSeg in two graphs: `image.onnx`, run once for a picture, and `masks.onnx` over its outputs."""

    def __init__(self, folder: Path, model: ModelInfo, options: OnnxOptions, device: Device) -> None:
        self.model, self._options = model, options
        self._image = open_session(folder / IMAGE_GRAPH, device)
        self._masks = open_session(folder / MASK_GRAPH, device)
        self._tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        self._processor = ViTImageProcessorPil.from_pretrained(folder, local_files_only=True)

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        """Raises RejectedItem for an expression that is longer than the text encoder reads."""
        if not expressions:
            return []
        sized = resized(self.logits(image, expressions), image.shape[:2])
        return [scored_mask(sigmoid(one), self._options.threshold) for one in sized]

    def logits(self, image: Image, expressions: Sequence[Expression]) -> NDArray[np.float32]:
        """(n, side, side), as the network draws them."""
        pixels = self._processor(image, return_tensors="np")["pixel_values"]
        seen = self._image.run(None, {self._image.get_inputs()[0].name: pixels})
        words = self._words(expressions)
        names = [given.name for given in self._masks.get_inputs()]
        found: NDArray[np.float32] = self._masks.run(None, dict(zip(names, [*words, *seen], strict=True)))[0]
        return found

    def _words(self, expressions: Sequence[Expression]) -> list[NDArray[np.int64]]:
        context = self._masks.get_inputs()[0].shape[1]
        tokens = self._tokenizer(
            list(expressions), padding="max_length", max_length=context, split_special_tokens=True,
            return_tensors="np",
        )  # fmt: skip
        check_lengths(expressions, tokens["attention_mask"].sum(1).tolist(), context)
        return [tokens["input_ids"].astype(np.int64), tokens["attention_mask"].astype(np.int64)]
