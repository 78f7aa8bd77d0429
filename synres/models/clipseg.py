"""CLIPSeg (arXiv 2112.10003) as transformers has it: a small text-prompted segmenter under MIT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPSegForImageSegmentation, CLIPTokenizer, ViTImageProcessorPil

from synres.domain.types import Expression, ModelInfo
from synres.models.clip_text import tokenize
from synres.models.encoding_cache import Encoding, EncodingCache
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

    @torch.inference_mode()
    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        """Raises RejectedItem for an expression that is longer than the text encoder reads."""
        if not expressions:
            return []
        words = tokenize(self._tokenizer, expressions, self._context)
        activations = self._cache.get(image, self._encode)
        logits = self._decode(activations, words.to(self.device))
        sized = resized(logits.float().cpu().numpy(), image.shape[:2])
        return [scored_mask(sigmoid(one), self._options.threshold) for one in sized]

    @property
    def _context(self) -> int:
        return int(self.network.config.text_config.max_position_embeddings)

    def _encode(self, image: Image) -> Encoding:
        pixels = self._processor(image, return_tensors="pt")["pixel_values"].to(self.device)
        seen = self.network.clip.get_image_features(
            pixel_values=pixels, interpolate_pos_encoding=True, output_hidden_states=True
        )
        # entry 0 is the embedding, so layer i's output is entry i + 1
        return tuple(seen.hidden_states[layer + 1] for layer in self.network.extract_layers)

    def _decode(self, activations: Encoding, words: dict[str, Tensor]) -> Tensor:
        n = len(words["input_ids"])
        conditions = self.network.get_conditional_embeddings(n, words["input_ids"], words["attention_mask"])
        shared = [activation.expand(n, -1, -1) for activation in activations]
        logits: Tensor = self.network.decoder(shared, conditions).logits
        return logits.reshape(n, *logits.shape[-2:])
