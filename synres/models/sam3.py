"""SAM 3 with text prompts, as transformers has it: every instance that a short noun phrase names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTokenizer, Sam3ImageProcessor, Sam3Model
from transformers.models.sam3.modeling_sam3 import Sam3ImageSegmentationOutput, Sam3VisionEncoderOutput

from synres.domain.types import Expression, ModelInfo
from synres.models.clip_text import tokenize
from synres.models.encoding_cache import Encoding, EncodingCache
from synres.ports import Image, ScoredMask

CODE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Sam3Options:
    """An instance counts above `threshold`, a pixel of it above `mask_threshold`; both are probabilities."""

    threshold: float = 0.5
    mask_threshold: float = 0.5


class Sam3Segmenter:
    """One image encode however many expressions; the mask of an expression is the union of its instances."""

    def __init__(
        self, folder: Path, model: ModelInfo, options: Sam3Options, cache: EncodingCache, device: str = "cpu"
    ) -> None:
        self.model = model
        self.network = Sam3Model.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self.network.eval().to(device)
        self._tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        self._processor = Sam3ImageProcessor.from_pretrained(folder, local_files_only=True)
        self._options, self._cache, self.device = options, cache, device

    @torch.inference_mode()
    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        """Scores are those of the best instance. Raises RejectedItem for an expression that is too long."""
        if not expressions:
            return []
        words = tokenize(self._tokenizer, expressions, self._context).to(self.device)
        seen = self._cache.get(image, self._encode)
        output = self.network(vision_embeds=_for_rows(seen, len(expressions)), **words)
        return self._masks(output, (image.shape[0], image.shape[1]))

    @property
    def _context(self) -> int:
        return int(self.network.config.text_config.max_position_embeddings)

    def _encode(self, image: Image) -> Encoding:
        pixels = self._processor(image, return_tensors="pt")["pixel_values"].to(self.device)
        seen = self.network.get_vision_features(pixels)
        return (*seen.fpn_hidden_states, *seen.fpn_position_encoding)

    def _masks(self, output: Sam3ImageSegmentationOutput, size: tuple[int, int]) -> list[ScoredMask]:
        found = self._processor.post_process_instance_segmentation(
            output, self._options.threshold, self._options.mask_threshold, [size] * len(output.pred_logits)
        )
        return [_union(instances["masks"], instances["scores"], size) for instances in found]


def _for_rows(encoding: Encoding, rows: int) -> Sam3VisionEncoderOutput:
    levels = len(encoding) // 2
    spread = tuple(tensor.expand(rows, -1, -1, -1) for tensor in encoding)
    return Sam3VisionEncoderOutput(fpn_hidden_states=spread[:levels], fpn_position_encoding=spread[levels:])


def _union(masks: Tensor, scores: Tensor, size: tuple[int, int]) -> ScoredMask:
    if not len(scores):
        return ScoredMask(np.zeros(size, dtype=np.bool_), 0.0)
    return ScoredMask(masks.any(0).cpu().numpy().astype(np.bool_), float(scores.max()))
