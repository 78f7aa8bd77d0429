"""The micro RES network behind the Segmenter port: the shipped base, or weights that a run has trained."""

from __future__ import annotations

from collections.abc import Sequence

from synres.domain.digests import digest_bytes, digest_json
from synres.domain.types import Expression, ModelInfo
from synres.models.encoding_cache import EncodingCache
from synres.models.micro import BASE, WEIGHTS, load_micro_res
from synres.models.micro_batch import predict_batch
from synres.models.micro_predict import predict
from synres.models.scoring import scored_mask
from synres.ports import Image, ScoredMask
from synres.settings import ModelSettings, load_settings

_CODE_VERSION = 2


class MicroSegmenter:
    """`weights`: safetensors bytes; None takes the shipped base. Errors: those of `load_micro_res`."""

    thread_safe = True

    def __init__(self, weights: bytes | None = None) -> None:
        self._network = load_micro_res(weights)
        self._cache = EncodingCache(load_settings(ModelSettings).encoding_cache_bytes)
        data = (WEIGHTS / BASE).read_bytes() if weights is None else weights
        digest = digest_json(["micro", _CODE_VERSION, digest_bytes(data)])
        self.model = ModelInfo("micro", digest, "Apache-2.0", bitwise=True)

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        """Masks at probability 0.5; the score is the mean probability inside the mask, 0 for an empty one."""
        return [scored_mask(chance) for chance in predict(self._network.chances, image, expressions)]

    def segment_batch(self, asked: Sequence[tuple[Image, Sequence[Expression]]]) -> list[list[ScoredMask]]:
        """`segment` of several pictures at once; see `synres.models.micro_batch`."""
        found = predict_batch(self._network, self._cache, asked)
        return [[scored_mask(chance) for chance in chances] for chances in found]
