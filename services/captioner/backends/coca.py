"""Captioner and aligner `coca`: open_clip's CoCa finds expressions for one object, and scores how well an
expression fits a synthetic picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from services.captioner.backends.coca_choice import pick_expressions
from services.captioner.backends.coca_decoding import Decoded, sample_nucleus, search_diverse
from services.captioner.backends.coca_network import CocaNetwork, Seen
from services.captioner.backends.coca_options import CocaOptions
from services.captioner.backends.coca_view import object_square
from synres.domain.prompts import clean_expression
from synres.domain.types import Expression, ModelInfo
from synres.errors import InvalidInput
from synres.models.folders import ModelFolder, model_info
from synres.ports import FoundExpressions, Image, Mask, ObjectView

VERSION = 1
MAX_TEXTS = 1024
"""Their logits for one token, 49,408 each, are 200 MB."""
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"


class CocaCaptioner:
    """Port Captioner. The pictures of the object and of its neighbours are encoded in one pass."""

    def __init__(self, folder: ModelFolder, options: CocaOptions, device: str = "cpu") -> None:
        """Raises BackendUnavailable for a folder that holds no CoCa, InvalidInput for texts of no length."""
        self.model = _info("captioner", folder, device)
        self.network, self.device, self._options = CocaNetwork(folder, device), device, options
        if not options.min_tokens <= options.max_tokens <= self.network.longest:
            raise InvalidInput(
                f"coca: max_tokens is {options.max_tokens}; it must be {options.min_tokens} (min_tokens) to"
                f" {self.network.longest}, the longest text that {folder.name} reads"
            )

    @torch.inference_mode()
    def caption(self, view: ObjectView, n: int, seed: int) -> FoundExpressions:
        """`n` distinct expressions, best cosine first. Fewer say why: see `pick_expressions`.

        Raises InvalidInput where `n` and the options ask for more texts at once than `MAX_TEXTS`.
        """
        self._check_count(n)
        others = [other.mask for other in view.others if other.mask.any()]
        seen = self.network.encode([self._square(view.image, mask) for mask in (view.mask, *others)])
        texts = self._texts(seen, n, seed)
        likeness = self.network.encode_texts(texts) @ seen.vectors.T if texts else torch.empty(0, 1)
        return pick_expressions(texts, likeness.cpu().double().numpy(), n, self._options.jaccard)

    def _check_count(self, n: int) -> None:
        beams = self._options.beams if self._options.decoding == "diverse_beam" else 1
        if (texts := n * self._options.pool * beams) > MAX_TEXTS:
            raise InvalidInput(
                f"coca: {n} expressions with pool {self._options.pool} and {beams} beams are {texts} texts at"
                f" once; ask for {MAX_TEXTS} at most"
            )

    def _square(self, image: Image, mask: Mask) -> Image:
        return object_square(image, mask, self._options.view, self._options.context)

    def _texts(self, seen: Seen, n: int, seed: int) -> list[Expression]:
        """Each once, in the order in which they were found. One that was cut short names nothing."""
        spelled = [self.network.spell(text.ids) for text in self._decode(seen, n * self._options.pool, seed)
                   if text.ended]  # fmt: skip
        texts = [clean_expression(text) for text in spelled if _UNREADABLE not in text]
        return list(dict.fromkeys(text for text in texts if text))

    def _decode(self, seen: Seen, count: int, seed: int) -> list[Decoded]:
        asked, next_logits = self._options, self.network.next_logits(seen, 0)
        grammar = self.network.grammar(asked.min_tokens, asked.max_tokens)
        if asked.decoding == "diverse_beam":
            return search_diverse(next_logits, count, asked.beams, grammar, asked.hamming_penalty)
        generator = torch.Generator().manual_seed(seed)
        return sample_nucleus(next_logits, count, grammar, asked.temperature, asked.top_p, generator)


class CocaAligner:
    """Port Aligner. Scores are cosines of CoCa's contrastive head, in [-1, 1]."""

    def __init__(self, folder: ModelFolder, device: str = "cpu") -> None:
        """Raises BackendUnavailable for a folder that holds no CoCa."""
        self.model = _info("aligner", folder, device)
        self.network, self.device = CocaNetwork(folder, device), device

    @torch.inference_mode()
    def scores(self, image: Image, expressions: Sequence[Expression]) -> list[float]:
        """Of the whole picture. Raises RejectedItem for an expression that is longer than CoCa reads."""
        if not expressions:
            return []
        whole = object_square(image, np.ones(image.shape[:2], np.bool_), "crop", 0.0)
        vector = self.network.encode([whole]).vectors[0]
        return [float(score) for score in (self.network.encode_texts(expressions) @ vector).tolist()]


def _info(what: str, folder: ModelFolder, device: str) -> ModelInfo:
    return replace(model_info(f"coca {what}", VERSION, folder), bitwise=device == "cpu")
