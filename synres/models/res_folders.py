"""Segmenters of LISA, GSVA and GLaMM from model folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from synres.domain.choice import BackendChoice
from synres.domain.digests import digest_bytes, digest_json
from synres.domain.types import Expression, ModelInfo
from synres.errors import BackendUnavailable
from synres.models.devices import torch_device
from synres.models.folders import model_info
from synres.models.lora import LoraSizes, merge_lora
from synres.models.res_families import DEFAULT_MODELS, ResFamily, ResOptions
from synres.models.res_open import PRECISIONS, ResParts, find_res, open_network
from synres.models.res_segmenter import Caches, ResSegmenter
from synres.models.res_training import PUBLISHED_ALPHA
from synres.ports import Image, ScoredMask, Segmenter
from synres.settings import ModelSettings, load_settings

CODE_VERSION = 2


class UntrainedBase:
    """A LLaVA that no training has taught to draw. A run that segments with an arm's weights asks for its
    `model` before there are any."""

    def __init__(self, model: ModelInfo) -> None:
        self.model = model

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        raise BackendUnavailable(
            f"model {self.model.name} is a base, which draws no masks yet: train an arm from it and give that"
            " arm's weights, or name a published checkpoint"
        )


def open_segmenter(
    choice: BackendChoice, family: ResFamily, options: ResOptions, trained: bytes | None = None
) -> Segmenter:
    """As `open_res`; a base without trained weights tells its model and refuses to segment."""
    parts = _find(choice, family, options)
    if parts.is_base and trained is None:
        return UntrainedBase(_info(choice, parts, trained))
    return _opened(choice, parts, options, trained)


def open_res(
    choice: BackendChoice, family: ResFamily, options: ResOptions, trained: bytes | None = None
) -> ResSegmenter:
    """The segmenter of `choice`, with what a training has left of it, if given. Its ModelInfo counts
    every folder that it is made of.

    Raises as `find_res` and `open_network` do.
    """
    return _opened(choice, _find(choice, family, options), options, trained)


def _find(choice: BackendChoice, family: ResFamily, options: ResOptions) -> ResParts:
    return find_res(choice.model or DEFAULT_MODELS[choice.backend], family, options)


def _opened(
    choice: BackendChoice, parts: ResParts, options: ResOptions, trained: bytes | None
) -> ResSegmenter:
    # a training's adapters are written for one alpha, a checkpoint's for that of whoever trained it
    alpha = options.lora_alpha if trained is None else PUBLISHED_ALPHA
    network = open_network(parts, trained, lora=LoraSizes(alpha=alpha), dtype=PRECISIONS[options.precision])
    merge_lora(network)
    caches = Caches.of(load_settings(ModelSettings).encoding_cache_bytes)
    info = _info(choice, parts, trained)
    return ResSegmenter(network.to(torch_device()), parts.tokens, parts.family, options, info, caches)


def _info(choice: BackendChoice, parts: ResParts, trained: bytes | None) -> ModelInfo:
    info = model_info(choice.backend, CODE_VERSION, *parts.folders)
    if trained is None:
        return info
    return replace(info, digest=digest_json([info.digest, digest_bytes(trained)]))
