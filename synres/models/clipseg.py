"""CLIPSeg (arXiv 2112.10003) as transformers has it: a small text-prompted segmenter under MIT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPSegForImageSegmentation, CLIPTokenizer, ViTImageProcessorPil

from synres.domain.types import Expression, ModelInfo
from synres.models.clip_text import tokenize
from synres.models.encoding_cache import Encoding, EncodingCache
from synres.models.picture_rows import Asked, by_picture, for_rows, owners_of, spans, split_pictures
from synres.models.scoring import resized, scored_mask, sigmoid
from synres.ports import Image, ScoredMask

CODE_VERSION = 1


@dataclass(frozen=True, slots=True)
class ClipSegOptions:
    """`threshold`: a pixel belongs to the mask above this probability."""

    threshold: float = 0.5


class ClipSegSegmenter:
    """One image encode however many expressions; all expressions are decoded in one call."""

    def __init__(
        self,
        folder: Path,
        model: ModelInfo,
        options: ClipSegOptions,
        cache: EncodingCache,
        device: str = "cpu",
    ) -> None:
        self.model = model
        self.network = CLIPSegForImageSegmentation.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        ).to(device)
        self.network.eval()
        self._tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        self._processor = ViTImageProcessorPil.from_pretrained(folder, local_files_only=True)
        self._options, self._cache, self.device = options, cache, device

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        """Raises RejectedItem for an expression that is longer than the text encoder reads."""
        return self.segment_batch([(image, expressions)])[0] if expressions else []

    @torch.inference_mode()
    def segment_batch(self, asked: Asked) -> list[list[ScoredMask]]:
        """`segment` of several pictures at once: they are encoded together, and their expressions decoded."""
        expressions, owners = [text for _, texts in asked for text in texts], owners_of(asked)
        words = tokenize(self._tokenizer, expressions, self._context).to(self.device)
        encodings = self._cache.get_all([image for image, _ in asked], self._encode)
        logits = [
            self._decode(for_rows(encodings, owners[at]), {name: ids[at] for name, ids in words.items()})
            for at in spans(len(owners))
        ]
        drawn = by_picture(list(torch.cat(logits).float().cpu().numpy()), asked)
        return [self._masks(np.stack(of_one), image) for of_one, (image, _) in zip(drawn, asked, strict=True)]

    @property
    def _context(self) -> int:
        return int(self.network.config.text_config.max_position_embeddings)

    def _encode(self, images: list[Image]) -> list[Encoding]:
        pixels = self._processor(images, return_tensors="pt")["pixel_values"].to(self.device)
        seen = self.network.clip.get_image_features(
            pixel_values=pixels, interpolate_pos_encoding=True, output_hidden_states=True
        )
        # entry 0 is the embedding, so layer i's output is entry i + 1
        return split_pictures([seen.hidden_states[layer + 1] for layer in self.network.extract_layers])

    def _decode(self, activations: Encoding, words: dict[str, Tensor]) -> Tensor:
        n = len(words["input_ids"])
        conditions = self.network.get_conditional_embeddings(n, words["input_ids"], words["attention_mask"])
        logits: Tensor = self.network.decoder(list(activations), conditions).logits
        return logits.reshape(n, *logits.shape[-2:])

    def _masks(self, logits: NDArray[np.float32], image: Image) -> list[ScoredMask]:
        sized = resized(logits, (image.shape[0], image.shape[1]))
        return [scored_mask(sigmoid(one), self._options.threshold) for one in sized]
