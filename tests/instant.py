"""Backends that answer at once and load no model framework: for fault tests and for the coordinator.

All are functions of their input alone (`bitwise`). `delay_s` makes each item take that long;
`version` changes the model digest, as a new model behind an old name would.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from services.captioner import app as captioner_app
from services.captioner.settings import CaptionerSettings
from services.generator import app as generator_app
from services.generator.settings import GeneratorSettings
from services.grouper import app as grouper_app
from services.grouper.backends import load_backend as load_grouper
from services.grouper.settings import GrouperSettings
from services.segmenter import app as segmenter_app
from services.segmenter.settings import SegmenterSettings
from synres.data.images import encode_png
from synres.domain.choice import BackendChoice
from synres.domain.digests import digest_json
from synres.domain.masks import encode_mask
from synres.domain.types import Expression, ModelInfo, Sample
from synres.errors import NotFound, RejectedItem
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action
from synres.ports import (
    FoundExpressions,
    GeneratedImage,
    GeneratorInput,
    Image,
    ObjectView,
    ScoredMask,
    ShardRequest,
)
from synres.rpc.server import Server
from synres.stages.backends import options_of
from synres.stages.params import encode_params
from synres.stages.shard import StageCode

SIDE = 8


INSTANT = BackendChoice("instant")


@dataclass(frozen=True, slots=True)
class InstantOptions:
    """Changes nothing but the action."""

    shade: float = 0.0


def instant_model(stage: str, version: int) -> ModelInfo:
    return ModelInfo("instant", digest_json(["instant", stage, version]), "Apache-2.0", bitwise=True)


class InstantCaptioner:
    thread_safe = True

    def __init__(self, delay_s: float = 0.0, version: int = 1) -> None:
        self.model = instant_model("caption", version)
        self._delay_s = delay_s

    def caption(self, view: ObjectView, n: int, seed: int) -> FoundExpressions:
        time.sleep(self._delay_s)
        if view.category == "reject":
            raise RejectedItem("too_few_expressions", "the category says so")
        return FoundExpressions(tuple(f"{view.category} {seed % 97} {k}" for k in range(n)))


class InstantAligner:
    """0, 0.2, 0.4, 0.6, 0.8 and again, in the order of the expressions; one less in coloured pictures."""

    thread_safe = True

    def __init__(self, delay_s: float = 0.0, version: int = 1) -> None:
        self.model = instant_model("align", version)
        self._delay_s = delay_s

    def scores(self, image: Image, expressions: Sequence[Expression]) -> list[float]:
        time.sleep(self._delay_s)
        return [k % 5 / 5 - float(image[0, 0, 0] != image[0, 0, 1]) for k in range(len(expressions))]


class InstantGenerator:
    thread_safe = True
    needs_view = False
    exact = False

    def __init__(self, delay_s: float = 0.0, version: int = 1) -> None:
        self.model = instant_model("generate", version)
        self._delay_s = delay_s

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        time.sleep(self._delay_s)
        masks = (np.eye(SIDE, dtype=np.bool_),) * len(request.expressions) if self.exact else None
        refusal = "the prompt says so" if "forbidden" in request.prompt else ""
        pictures = [np.full((SIDE, SIDE, 3), seed % 256, np.uint8) for seed in seeds]
        return [GeneratedImage(picture, masks, refusal) for picture in pictures]


class InstantRenderer(InstantGenerator):
    """Knows the masks of what it drew."""

    exact = True


class InstantSegmenter:
    """Masks of the left columns. Every third is a column wider: the others agree with it at tau 0.65, and
    not at 0.9. Every fifth is empty."""

    thread_safe = True

    def __init__(self, weights: bytes | None = None, delay_s: float = 0.0, version: int = 1) -> None:
        self.model = instant_model("segment", version)
        self._delay_s = delay_s
        self._columns = 2 if weights is None else 1 + len(weights) % 4

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        time.sleep(self._delay_s)
        return [ScoredMask(self._mask(image, k), 0.5) for k in range(len(expressions))]

    def _mask(self, image: Image, k: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        mask = np.zeros(image.shape[:2], np.bool_)
        if k % 5 < 4:
            mask[:, : self._columns + int(image[0, 0, 0]) % 2 + (k % 3 == 2)] = True
        return mask


def load_instant(
    kind: Callable[..., object], delay_s: float = 0.0, version: int = 1
) -> Callable[..., object]:
    """A `load_backend` that knows "instant" alone, with any model and one option."""

    def load(choice: BackendChoice, weights: bytes | None = None) -> object:
        if choice.backend != "instant":
            raise NotFound(f"backend {choice.backend!r} does not exist; there is instant")
        options_of(choice, InstantOptions)
        given = {} if weights is None else {"weights": weights}
        return kind(delay_s=delay_s, version=version, **given)

    return load


def build_instant(service: str, delay_s: float = 0.0, version: int = 1, **settings: object) -> Server:
    """The real app of a stage service around instant backends (the grouper keeps ITAG, which is instant)."""
    if service == "captioner":
        load = load_instant(InstantCaptioner, delay_s, version)
        aligner = load_instant(InstantAligner, delay_s, version)
        return captioner_app.build(CaptionerSettings(**settings), load, aligner)
    if service == "generator":
        load = load_instant(InstantGenerator, delay_s, version)
        return generator_app.build(GeneratorSettings(**settings), load)
    if service == "segmenter":
        load = load_instant(InstantSegmenter, delay_s, version)
        served = {"segmenter_backend": "instant"} | settings
        return segmenter_app.build(SegmenterSettings(**served), load)
    return grouper_app.build(GrouperSettings(**settings), load_grouper)


def make_samples(ledger: Ledger, count: int, category: str = "cat") -> str:
    """Digest of `count` rows of Sample, each with a picture of its own."""
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[2:4, 2:4] = True
    pictures = [np.full((SIDE, SIDE, 3), index % 256, np.uint8) for index in range(count)]
    refs = [ledger.put_blob(encode_png(picture), "image/png") for picture in pictures]
    return ledger.put_rows([Sample(ref, encode_mask(mask), category) for ref in refs]).digest


def plan_shard(stage: StageCode, model: ModelInfo, inputs: tuple[str, ...], params: object) -> ShardRequest:
    """The request that a coordinator would send."""
    encoded = encode_params(params)
    action = Action(stage.name, stage.version, model.digest, encoded.decode(), inputs)
    return ShardRequest(stage.name, action.digest(), inputs, encoded)
