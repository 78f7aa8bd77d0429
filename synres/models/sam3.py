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
from synres.models.picture_rows import Asked, by_picture, for_rows, owners_of, spans, split_pictures
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

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        """Scores are those of the best instance. Raises RejectedItem for an expression that is too long."""
        return self.segment_batch([(image, expressions)])[0] if expressions else []

    @torch.inference_mode()
    def segment_batch(self, asked: Asked) -> list[list[ScoredMask]]:
        """`segment` of several pictures at once: they are encoded together, and their expressions drawn."""
        expressions, owners = [text for _, texts in asked for text in texts], owners_of(asked)
        words = tokenize(self._tokenizer, expressions, self._context).to(self.device)
        encodings = self._cache.get_all([image for image, _ in asked], self._encode)
        sizes = [(image.shape[0], image.shape[1]) for image, _ in asked]
        found: list[ScoredMask] = []
        for at in spans(len(owners)):
            seen = _vision(for_rows(encodings, owners[at]))
            output = self.network(vision_embeds=seen, **{name: ids[at] for name, ids in words.items()})
            found += self._masks(output, [sizes[owner] for owner in owners[at]])
        return by_picture(found, asked)

    @property
    def _context(self) -> int:
        return int(self.network.config.text_config.max_position_embeddings)

    def _encode(self, images: list[Image]) -> list[Encoding]:
        pixels = self._processor(images, return_tensors="pt")["pixel_values"].to(self.device)
        seen = self.network.get_vision_features(pixels)
        return split_pictures([*seen.fpn_hidden_states, *seen.fpn_position_encoding])

    def _masks(self, output: Sam3ImageSegmentationOutput, sizes: list[tuple[int, int]]) -> list[ScoredMask]:
        found = self._processor.post_process_instance_segmentation(
            output, self._options.threshold, self._options.mask_threshold, sizes
        )
        return [
            _union(instances["masks"], instances["scores"], size)
            for instances, size in zip(found, sizes, strict=True)
        ]


def _vision(encoding: Encoding) -> Sam3VisionEncoderOutput:
    levels = len(encoding) // 2
    return Sam3VisionEncoderOutput(
        fpn_hidden_states=encoding[:levels], fpn_position_encoding=encoding[levels:]
    )


def _union(masks: Tensor, scores: Tensor, size: tuple[int, int]) -> ScoredMask:
    if not len(scores):
        return ScoredMask(np.zeros(size, dtype=np.bool_), 0.0)
    return ScoredMask(masks.any(0).cpu().numpy().astype(np.bool_), float(scores.max()))
